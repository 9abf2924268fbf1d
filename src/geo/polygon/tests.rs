#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn ring(places: &[(f64, f64)]) -> Vec<Place> {
    places.iter().map(|&(x, y)| [x, y]).collect()
}

fn rect(w: f64, s: f64, e: f64, n: f64) -> Vec<Place> {
    ring(&[(w, s), (e, s), (e, n), (w, n)])
}

fn one(rings: Vec<Vec<Place>>) -> Area {
    Area::new(vec![vec![Polygon::new(rings).unwrap()]])
}

fn united(rings: Vec<Vec<Place>>) -> Area {
    let each = rings.into_iter().filter_map(|r| Polygon::new(vec![r]));
    Area::new(vec![each.collect()])
}

fn coverage(area: &Area, bounds: &Bounds, width: usize, height: usize) -> Vec<u8> {
    let mut out = Vec::new();
    area.coverage(bounds, width, height, &mut out);
    out
}

/// Coverage of the unit square as a whole.
fn of_unit(area: &Area) -> u8 {
    coverage(area, &Bounds::new(0.0, 0.0, 1.0, 1.0), 1, 1)[0]
}

/// A wavy ring of `n` places round (x, y).
fn blob(x: f64, y: f64, radius: f64, n: usize) -> Vec<Place> {
    (0..n)
        .map(|k| {
            let t = k as f64 / n as f64 * std::f64::consts::TAU;
            let wave =
                1.0 + 0.2 * (7.0 * t).sin() + 0.05 * (61.0 * t).cos() + 0.01 * (997.0 * t).sin();
            [x + radius * wave * t.cos(), y + radius * wave * t.sin()]
        })
        .collect()
}

#[test]
fn areas_are_those_of_geometry() {
    let triangle = || ring(&[(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]);
    let diamond = || ring(&[(0.5, 0.0), (1.0, 0.5), (0.5, 1.0), (0.0, 0.5)]);
    let bow_tie = ring(&[(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)]);
    let rows: Vec<(&str, Area, f64)> = vec![
        ("a triangle", one(vec![triangle()]), 0.5),
        ("a square on its corner", one(vec![diamond()]), 0.5),
        (
            "a hole",
            one(vec![rect(-1.0, -1.0, 2.0, 2.0), diamond()]),
            0.5,
        ),
        (
            "a small hole",
            one(vec![rect(0.0, 0.0, 1.0, 1.0), rect(0.25, 0.25, 0.5, 0.75)]),
            0.875,
        ),
        ("a ring that crosses itself", one(vec![bow_tie]), 0.5),
        (
            "two that overlap, united",
            united(vec![rect(0.0, 0.0, 0.6, 1.0), rect(0.4, 0.0, 0.8, 1.0)]),
            0.8,
        ),
        (
            "two that overlap, as rings of one",
            one(vec![rect(0.0, 0.0, 0.6, 1.0), rect(0.4, 0.0, 0.8, 1.0)]),
            0.6,
        ),
        (
            "two triangles that cross, united",
            united(vec![
                triangle(),
                ring(&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]),
            ]),
            0.75,
        ),
        ("the same twice", united(vec![triangle(), triangle()]), 0.5),
        (
            "a part that the other hides",
            united(vec![rect(0.1, 0.1, 0.2, 0.2), rect(-1.0, -1.0, 0.5, 2.0)]),
            0.5,
        ),
        (
            "two halves that meet on a slant",
            united(vec![
                ring(&[(0.0, 0.0), (1.0, 0.0), (0.3, 1.0), (0.0, 1.0)]),
                ring(&[(1.0, 0.0), (1.0, 1.0), (0.3, 1.0)]),
            ]),
            1.0,
        ),
        (
            "an intersection",
            Area::new(vec![
                vec![Polygon::new(vec![triangle()]).unwrap()],
                vec![Polygon::new(vec![rect(0.0, 0.0, 0.5, 0.5)]).unwrap()],
            ]),
            0.25,
        ),
        (
            "a spike and a repeated place",
            one(vec![ring(&[
                (0.0, 0.0),
                (0.5, 0.0),
                (0.9, 0.9),
                (0.5, 0.0),
                (0.5, 1.0),
                (0.5, 1.0),
                (0.0, 1.0),
                (0.0, 0.0),
            ])]),
            0.5,
        ),
        (
            "half a pixel is a half rounded up",
            one(vec![rect(0.5, -1.0, 2.0, 2.0)]),
            0.5,
        ),
    ];
    for (name, area, part) in rows {
        assert_eq!(of_unit(&area), (part * 255.0 + 0.5) as u8, "{name}");
    }
    assert!(Polygon::new(vec![ring(&[(0.0, 0.0), (1.0, 1.0)])]).is_none());
    assert!(Polygon::new(vec![ring(&[(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)])]).is_none());
    assert!(Polygon::new(vec![Vec::new()]).is_none());
}

/// A ring's area, counted positive.
fn shoelace(ring: &[Place]) -> f64 {
    let next = ring.iter().cycle().skip(1);
    let twice: f64 = ring
        .iter()
        .zip(next)
        .map(|(a, b)| a[0] * b[1] - b[0] * a[1])
        .sum();
    twice.abs() / 2.0
}

#[test]
fn the_sum_over_all_pixels_is_the_area() {
    let shape = blob(50.0, 50.0, 35.0, 5000);
    let area = one(vec![shape.clone()]);
    for n in [1_usize, 7, 100, 333] {
        let pixels = coverage(&area, &Bounds::new(0.0, 0.0, 100.0, 100.0), n, n);
        let sum: f64 = pixels.iter().map(|&c| f64::from(c) / 255.0).sum();
        let found = sum * 1e4 / (n * n) as f64;
        // Each pixel on the edge is rounded by half a step at most, to either side.
        let most = 0.5 / 255.0 * 1e4 / n as f64;
        assert!(
            (found - shoelace(&shape)).abs() < most * 2.0,
            "{n}: {found} for {}",
            shoelace(&shape)
        );
    }
}

/// As the sweep must find it, but slowly: the middles of 32 by 32 parts of a pixel.
fn sampled(unions: &[Vec<Vec<Vec<Place>>>], x: f64, y: f64, size: f64) -> f64 {
    let n = 32;
    let within = |rings: &[Vec<Place>], px: f64, py: f64| {
        let odd = rings.iter().flat_map(|ring| {
            (0..ring.len()).map(|k| {
                let (a, b) = (ring[k], ring[(k + 1) % ring.len()]);
                (a[1] > py) != (b[1] > py)
                    && a[0] + (py - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) < px
            })
        });
        odd.filter(|&crossed| crossed).count() % 2 == 1
    };
    let mut inside = 0;
    for k in 0..n * n {
        let at = |k: usize| (k as f64 + 0.5) / n as f64 * size;
        let (px, py) = (x + at(k % n), y + at(k / n));
        inside += usize::from(
            unions
                .iter()
                .all(|union| union.iter().any(|rings| within(rings, px, py))),
        );
    }
    inside as f64 / (n * n) as f64
}

fn any_ring() -> impl Strategy<Value = Vec<Place>> {
    // Whole and half numbers too, so that edges lie on each other and on the pixels' edges.
    let number = prop_oneof![-2.0..10.0, (-4..20_i32).prop_map(|n| f64::from(n) / 2.0)];
    prop::collection::vec([number.clone(), number], 3..9)
}

fn any_polygon() -> impl Strategy<Value = Vec<Vec<Place>>> {
    prop::collection::vec(any_ring(), 1..4)
}

fn any_unions() -> impl Strategy<Value = Vec<Vec<Vec<Vec<Place>>>>> {
    prop::collection::vec(prop::collection::vec(any_polygon(), 1..4), 1..3)
}

fn area_of(unions: &[Vec<Vec<Vec<Place>>>]) -> Area {
    let polygons = |union: &Vec<Vec<Vec<Place>>>| {
        union
            .iter()
            .filter_map(|rings| Polygon::new(rings.clone()))
            .collect()
    };
    Area::new(unions.iter().map(polygons).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn scribbles_are_covered_as_sampling_says(unions in any_unions()) {
        let area = area_of(&unions);
        let pixels = coverage(&area, &Bounds::new(0.0, 0.0, 8.0, 8.0), 8, 8);
        for (k, &found) in pixels.iter().enumerate() {
            let expected = sampled(&unions, (k % 8) as f64, (7 - k / 8) as f64, 1.0);
            // 32 rows of samples; each edge is off by half of one at most, and there are some dozens of edges.
            prop_assert!((f64::from(found) / 255.0 - expected).abs() < 0.08, "pixel {k}: {found} for {expected}");
        }
    }

    #[test]
    fn what_is_not_inside_is_outside(rings in any_polygon()) {
        prop_assume!(Polygon::new(rings.clone()).is_some());
        let bounds = Bounds::new(0.0, 0.0, 8.0, 8.0);
        let inner = coverage(&one(rings.clone()), &bounds, 16, 16);
        let mut others = rings;
        others.push(rect(-10.0, -10.0, 20.0, 20.0));
        let outer = coverage(&one(others), &bounds, 16, 16);
        for (a, b) in inner.into_iter().zip(outer) {
            prop_assert!((i32::from(a) + i32::from(b) - 255).abs() <= 1);
        }
    }

    #[test]
    fn a_block_is_what_its_quarters_are(unions in any_unions(), shift in -3.0..3.0_f64) {
        let area = area_of(&unions);
        let (w, s, side) = (shift, -shift / 2.0, 7.3);
        let bounds = |col: f64, row: f64, n: f64| Bounds::new(
            w + side * col, s + side * (1.0 - row - n), w + side * (col + n), s + side * (1.0 - row));
        for f in [Area::coverage, Area::centres] {
            let (mut whole, mut part) = (Vec::new(), Vec::new());
            f(&area, &bounds(0.0, 0.0, 1.0), 64, 64, &mut whole);
            for (col, row) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                f(&area, &bounds(col as f64 / 2.0, row as f64 / 2.0, 0.5), 32, 32, &mut part);
                for (k, &found) in part.iter().enumerate() {
                    let (i, j) = (col * 32 + k % 32, row * 32 + k / 32);
                    prop_assert_eq!(found, whole[j * 64 + i], "pixel {}, {}", i, j);
                }
            }
        }
    }

    #[test]
    fn touch_is_never_wrong_about_what_is_covered(unions in any_unions(), w in -3.0..9.0, s in -3.0..9.0, side in 0.01..6.0) {
        let area = area_of(&unions);
        let bounds = Bounds::new(w, s, w + side, s + side);
        let inside = sampled(&unions, w, s, side);
        match area.touch(&bounds) {
            Touch::Outside => prop_assert_eq!(inside, 0.0),
            Touch::Inside => prop_assert_eq!(inside, 1.0),
            Touch::Edge => {}
        }
    }

    #[test]
    fn a_centre_is_inside_or_not(rings in any_polygon()) {
        prop_assume!(Polygon::new(rings.clone()).is_some());
        let mut out = Vec::new();
        // Centres that lie on no half number.
        one(rings.clone()).centres(&Bounds::new(-0.03, -0.01, 7.97, 7.99), 16, 16, &mut out);
        for (k, &found) in out.iter().enumerate() {
            let (x, y) = (-0.03 + (k % 16) as f64 / 2.0 + 0.25, 7.99 - (k / 16) as f64 / 2.0 - 0.25);
            let around = Bounds::new(x - 1e-5, y - 1e-5, x + 1e-5, y + 1e-5);
            match one(rings.clone()).touch(&around) {
                Touch::Inside => prop_assert_eq!(found, 255),
                Touch::Outside => prop_assert_eq!(found, 0),
                Touch::Edge => {}
            }
        }
    }

    #[test]
    fn cells_are_those_that_are_touched(unions in any_unions(), columns in 1_u64..70, rows in 1_u64..70) {
        let area = area_of(&unions);
        let extent = Bounds::new(-1.0, -1.5, 9.0, 9.0);
        check_cells(&area, &extent, columns, rows)?;
    }
}

/// Compares with asking for every cell: none missing, none twice, and few more.
fn check_cells(area: &Area, extent: &Bounds, columns: u64, rows: u64) -> Result<(), TestCaseError> {
    let (width, height) = (
        extent.width() / columns as f64,
        extent.height() / rows as f64,
    );
    let mut held = vec![0; (columns * rows) as usize];
    for [west, north, east, south] in area.cells(extent, columns, rows) {
        prop_assert!(west <= east && north <= south);
        for (col, row) in (north..=south).flat_map(|row| (west..=east).map(move |col| (col, row))) {
            held[u64::from(row) as usize * columns as usize + col as usize] += 1;
        }
    }
    for (k, n) in held.into_iter().enumerate() {
        let (col, row) = (k as u64 % columns, k as u64 / columns);
        let (west, north) = (
            extent.west + width * col as f64,
            extent.north - height * row as f64,
        );
        let touch = area.touch(&Bounds::new(west, north - height, west + width, north));
        prop_assert!(n <= 1, "cell {col}, {row} is held {n} times");
        prop_assert_eq!(n == 1, touch != Touch::Outside, "cell {}, {}", col, row);
    }
    Ok(())
}

#[test]
fn cells_of_a_large_shape_are_those_that_are_touched() {
    let area = one(vec![
        blob(50.0, 50.0, 35.0, 20_000),
        blob(50.0, 50.0, 10.0, 500),
    ]);
    let extent = Bounds::new(0.0, 0.0, 100.0, 100.0);
    for n in [1, 2, 4, 64, 256] {
        check_cells(&area, &extent, n, n).unwrap();
    }
}

#[test]
fn cells_stay_few_at_any_zoom() {
    let area = one(vec![blob(50.0, 50.0, 35.0, 20_000)]);
    let extent = Bounds::new(0.0, 0.0, 100.0, 100.0);
    let n = 1 << 24;
    let cells = area.cells(&extent, n, n);
    assert!(cells.len() <= 200_000, "{}", cells.len());
    let sum: f64 = cells
        .iter()
        .map(|c| f64::from(c[2] - c[0] + 1) * f64::from(c[3] - c[1] + 1))
        .sum();
    let part = sum / (n as f64 * n as f64);
    let exact = shoelace(&blob(50.0, 50.0, 35.0, 20_000)) / 1e4;
    assert!(part >= exact && part < exact * 1.01, "{part} for {exact}");
}

#[test]
fn a_rectangle_of_whole_cells_touches_no_others() {
    // Thirds and sevenths: nothing is exact.
    let (west, north, cell) = (-20037508.342789244, 20037508.342789244, 4e7 / 3.0 / 7.0);
    let at = |col: f64, row: f64| [west + cell * col, north - cell * row];
    let area = one(vec![vec![
        at(3.0, 2.0),
        at(9.0, 2.0),
        at(9.0, 5.0),
        at(3.0, 5.0),
    ]]);
    let extent = Bounds::new(west, north - cell * 21.0, west + cell * 21.0, north);
    assert_eq!(area.cells(&extent, 21, 21), [[3, 2, 8, 4]]);
    assert_eq!(
        area.cells(&extent, 21 << 12, 21 << 12),
        [[3 << 12, 2 << 12, (9 << 12) - 1, (5 << 12) - 1]]
    );
}

#[test]
fn a_scribble_of_many_edges_comes_to_an_end() {
    // Every edge crosses half of the others.
    let places = (0..3000_u64).map(|k| {
        let random =
            |k: u64| (k.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as f64 / (1_u64 << 31) as f64;
        [random(2 * k + 1) * 64.0, random(2 * k + 2) * 64.0]
    });
    let area = one(vec![places.collect()]);
    let pixels = coverage(&area, &Bounds::new(0.0, 0.0, 64.0, 64.0), 64, 64);
    let mean: f64 = pixels.iter().map(|&c| f64::from(c)).sum::<f64>() / 64.0 / 64.0;
    // These places lie so evenly that they favour even counts: 20 000 points, counted one by one, gave 48.0 ± 0.9.
    assert!((45.0..51.0).contains(&mean), "{mean}");
}

/// The ramp over a grid of unit pixels from (0, 0).
fn ramp(area: &Area, width: usize, height: usize, reach: f64) -> Vec<u8> {
    let bounds = Bounds::new(0.0, 0.0, width as f64, height as f64);
    let mut out = Vec::new();
    area.ramp(&bounds, width, height, reach, &mut out);
    out
}

#[test]
fn a_ramp_rises_evenly_from_the_edge() {
    let square = one(vec![rect(2.0, 2.0, 22.0, 22.0)]);
    let found = ramp(&square, 24, 24, 8.0);
    for row in 0..24 {
        for col in 0..24 {
            // The nearest of four sides; a square's corners are no nearer.
            let depth = [col, 23 - col, row, 23 - row].map(|v| v as f64 + 0.5 - 2.0);
            let depth = depth.into_iter().fold(f64::INFINITY, f64::min).max(0.0);
            let expected = (255.0 * (depth / 8.0).min(1.0) + 0.5) as u8;
            assert_eq!(found[row * 24 + col], expected, "{col} {row}");
        }
    }
    // Round a corner of a hole the distance is that to the corner.
    let holed = one(vec![
        rect(-90.0, -90.0, 90.0, 90.0),
        rect(-5.0, -5.0, 4.0, 4.0),
    ]);
    let found = ramp(&holed, 16, 16, 10.0);
    let expected = (255.0 * (3.5_f64.hypot(2.5) / 10.0) + 0.5) as u8;
    // Rows from the north: that of y = 6.5.
    assert_eq!(found[(15 - 6) * 16 + 7], expected);
}

#[test]
fn where_polygons_of_a_union_meet_there_is_no_edge() {
    let whole = ramp(&united(vec![rect(2.0, 2.0, 30.0, 20.0)]), 32, 24, 9.0);
    let cases: Vec<(&str, Vec<Vec<Place>>)> = vec![
        (
            "side by side",
            vec![rect(2.0, 2.0, 13.0, 20.0), rect(13.0, 2.0, 30.0, 20.0)],
        ),
        (
            "side by side, with other corners",
            vec![
                rect(2.0, 2.0, 13.0, 20.0),
                rect(13.0, 2.0, 30.0, 7.3),
                rect(13.0, 7.3, 30.0, 20.0),
            ],
        ),
        (
            "over each other",
            vec![rect(2.0, 2.0, 19.0, 20.0), rect(11.0, 2.0, 30.0, 20.0)],
        ),
        (
            "one within the other",
            vec![rect(2.0, 2.0, 30.0, 20.0), rect(9.0, 5.0, 15.0, 11.0)],
        ),
        (
            "twice the same",
            vec![rect(2.0, 2.0, 30.0, 20.0), rect(2.0, 2.0, 30.0, 20.0)],
        ),
        (
            "a cross over it",
            vec![
                rect(2.0, 2.0, 30.0, 20.0),
                ring(&[(3.0, 3.0), (29.0, 19.0), (29.0, 3.0), (3.0, 19.0)]),
            ],
        ),
    ];
    for (name, rings) in cases {
        assert_eq!(ramp(&united(rings), 32, 24, 9.0), whole, "{name}");
    }
    // But an intersection has the edges of both.
    let polygons = |w, s, e, n| vec![Polygon::new(vec![rect(w, s, e, n)]).unwrap()];
    let both = Area::new(vec![
        polygons(2.0, 2.0, 90.0, 90.0),
        polygons(-90.0, -90.0, 30.0, 20.0),
    ]);
    assert_eq!(ramp(&both, 32, 24, 9.0), whole);
}

proptest! {
    #[test]
    fn ramps_are_distances_to_the_nearest_edge_whatever_the_grid(
        x in 5.0..60.0, y in 5.0..60.0, radius in 4.0..40.0, reach in 0.5..30.0,
    ) {
        let places = blob(x, y, radius, 200);
        let area = one(vec![places.clone()]);
        let whole = ramp(&area, 64, 64, reach);
        let nearest = |px: f64, py: f64| {
            (0..places.len())
                .map(|k| {
                    let (a, b) = (places[k], places[(k + 1) % places.len()]);
                    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
                    let t = ((px - a[0]) * dx + (py - a[1]) * dy) / (dx * dx + dy * dy);
                    let t = t.clamp(0.0, 1.0);
                    (a[0] + dx * t - px).hypot(a[1] + dy * t - py)
                })
                .fold(f64::INFINITY, f64::min)
        };
        let mut inside = Vec::new();
        area.centres(&Bounds::new(0.0, 0.0, 64.0, 64.0), 64, 64, &mut inside);
        for row in 0..64 {
            for col in 0..64 {
                let k = row * 64 + col;
                let depth = nearest(col as f64 + 0.5, 64.0 - row as f64 - 0.5);
                let expected = 255.0 * (depth / reach).min(1.0) * f64::from(inside[k]) / 255.0;
                prop_assert!((f64::from(whole[k]) - expected).abs() <= 0.5 + 1e-6, "{} {}", col, row);
            }
        }
        // In four pieces it is the same.
        for (col, row) in [(0, 0), (32, 0), (0, 32), (32, 32)] {
            let (w, n) = (f64::from(col), 64.0 - f64::from(row));
            let mut piece = Vec::new();
            area.ramp(&Bounds::new(w, n - 32.0, w + 32.0, n), 32, 32, reach, &mut piece);
            for (k, value) in piece.iter().enumerate() {
                let at = (row as usize + k / 32) * 64 + col as usize + k % 32;
                prop_assert!(value.abs_diff(whole[at]) <= 1);
            }
        }
    }
}
