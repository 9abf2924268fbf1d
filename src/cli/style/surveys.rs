//! [`Surveys`]: what was found out by looking through all sources, to be found the same the next time.

use std::cell::RefCell;

use azulejo::pyramid::survey::Survey;
use serde_json::{Value, json};

/// Surveys that were made, and those of an earlier bake that count instead.
#[derive(Debug, Default)]
pub(in crate::cli) struct Surveys {
    known: Vec<Made>,
    made: RefCell<Vec<Made>>,
}

#[derive(Debug, Clone)]
struct Made {
    percents: Vec<f64>,
    survey: Survey,
}

impl Surveys {
    /// Those that an earlier bake has written down by [`Surveys::json`].
    pub(in crate::cli) fn known(json: &Value) -> Self {
        let known = json.as_array().into_iter().flatten().filter_map(Made::of);
        Self {
            known: known.collect(),
            made: RefCell::default(),
        }
    }

    /// The known survey for these percents, or what `look` finds.
    ///
    /// # Errors
    /// Those of `look`.
    pub(super) fn find<E>(
        &self,
        percents: &[f64],
        look: impl FnOnce() -> Result<Survey, E>,
    ) -> Result<Survey, E> {
        let known = self.known.iter().find(|made| made.percents == percents);
        let survey = match known {
            Some(made) => made.survey.clone(),
            None => look()?,
        };
        self.made.borrow_mut().push(Made {
            percents: percents.to_vec(),
            survey: survey.clone(),
        });
        Ok(survey)
    }

    /// All that counted. Numbers are written by their bits, so that they come back as they are.
    pub(in crate::cli) fn json(&self) -> Value {
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let made = self.made.borrow();
        let made = made.iter().map(|Made { percents, survey }| {
            let percentiles = survey.percentiles.iter().map(|band| bits(band));
            json!({
                "percents": bits(percents),
                "percentiles": percentiles.collect::<Vec<_>>(),
                "n_pixels": survey.n_pixels,
                "of": survey.of,
            })
        });
        Value::Array(made.collect())
    }
}

impl Made {
    fn of(json: &Value) -> Option<Self> {
        let numbers = |value: &Value| -> Option<Vec<f64>> {
            let numbers = value.as_array()?.iter();
            numbers.map(|v| v.as_u64().map(f64::from_bits)).collect()
        };
        let percentiles = json["percentiles"].as_array()?.iter().map(numbers);
        Some(Self {
            percents: numbers(&json["percents"])?,
            survey: Survey {
                percentiles: percentiles.collect::<Option<_>>()?,
                n_pixels: json["n_pixels"].as_u64()?,
                of: json["of"].as_str()?.to_owned(),
            },
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    #[test]
    fn what_was_found_once_is_found_again_to_the_bit() {
        let found = Survey {
            percentiles: vec![vec![0.1 + 0.2, -1e-300], vec![f64::MAX, 5e-324]],
            n_pixels: 7,
            of: "all pixels".into(),
        };
        let first = Surveys::default();
        let look = || Ok::<_, ()>(found.clone());
        first.find(&[2.0, 98.0], look).unwrap();
        let text = first.json().to_string();
        let again = Surveys::known(&serde_json::from_str(&text).unwrap());
        let told = again.find(&[2.0, 98.0], || Err("not again")).unwrap();
        assert_eq!(told.percentiles, found.percentiles);
        assert_eq!((told.n_pixels, told.of), (7, found.of.clone()));
        assert_eq!(again.json(), first.json());
        assert_eq!(
            again.find(&[1.0, 99.0], || Err("others")).unwrap_err(),
            "others"
        );
    }
}
