//! Where the time of a run went.

use std::time::{Duration, Instant};

use azulejo::pyramid::times::{Stage, Times};
use azulejo::source::cache::ReadTimes;
use serde_json::{Map, Value, json};

/// The phases of a run, one after the other, by the clock.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Phases {
    last: Instant,
    phases: Vec<(&'static str, Duration)>,
}

impl Phases {
    /// None yet; the first one began at `started`.
    pub(in crate::cli) fn since(started: Instant) -> Self {
        Self {
            last: started,
            phases: Vec::new(),
        }
    }

    /// What has passed since the last phase ended was `name`, which may come again.
    pub(in crate::cli) fn end(&mut self, name: &'static str) {
        let now = Instant::now();
        self.add(name, now - self.last);
        self.last = now;
    }

    /// Those of `later`, which began when the last one here ended.
    pub(in crate::cli) fn join(&mut self, later: &Self) {
        for (name, time) in &later.phases {
            self.add(name, *time);
        }
        self.last = later.last;
    }

    fn add(&mut self, name: &'static str, time: Duration) {
        match self.phases.iter_mut().find(|phase| phase.0 == name) {
            Some(phase) => phase.1 += time,
            None => self.phases.push((name, time)),
        }
    }

    fn json(&self) -> Value {
        let phase = |(name, time): &(&str, Duration)| ((*name).to_owned(), json!(fine(*time)));
        Value::Object(self.phases.iter().map(phase).collect::<Map<_, _>>())
    }
}

/// All that is told of the time of a run.
pub(in crate::cli) struct Spent<'a> {
    pub(in crate::cli) phases: &'a Phases,
    /// Threads that made tiles or blocks.
    pub(in crate::cli) workers: usize,
    /// What they and the one that writes did.
    pub(in crate::cli) times: Times,
    /// Of that, what it took to read the sources.
    pub(in crate::cli) reads: ReadTimes,
}

impl Spent<'_> {
    /// For a bake.
    pub(in crate::cli) fn of_bake(&self) -> Value {
        let stages = json!({
            "decode": fine(self.reads.decoding),
            "render": self.render(),
            "reduce": self.of(Stage::Reduce),
            "encode": self.of(Stage::Encode),
            "keep": self.of(Stage::Keep),
            "write": self.of(Stage::Write),
        });
        let waiting = json!({
            "blocks": fine(self.reads.waiting),
            "room": self.of(Stage::AwaitRoom),
            "work": self.of(Stage::AwaitWork),
            "tiles": self.of(Stage::AwaitTiles),
        });
        self.json(&stages, &waiting)
    }

    /// For a merge.
    pub(in crate::cli) fn of_merge(&self) -> Value {
        let stages = json!({
            "decode": fine(self.reads.decoding),
            "render": self.render(),
            "paint": self.of(Stage::Write),
        });
        let waiting = json!({
            "blocks": fine(self.reads.waiting),
            "tiles": self.of(Stage::AwaitTiles),
        });
        self.json(&stages, &waiting)
    }

    /// For a copy of a tileset.
    pub(in crate::cli) fn of_copy(&self) -> Value {
        let stages = json!({
            "read": self.of(Stage::Read),
            "encode": self.of(Stage::Encode),
            "write": self.of(Stage::Write),
        });
        let waiting = json!({ "tiles": self.of(Stage::AwaitTiles) });
        self.json(&stages, &waiting)
    }

    fn json(&self, stages: &Value, waiting: &Value) -> Value {
        json!({
            "workers": self.workers,
            "phases_s": self.phases.json(),
            "stages_s": stages,
            "waiting_s": waiting,
        })
    }

    fn of(&self, stage: Stage) -> f64 {
        fine(self.times.of(stage))
    }

    /// Blocks are read when rendering asks for them, and waited for as well.
    fn render(&self) -> f64 {
        let reading = self.reads.decoding + self.reads.waiting;
        fine(self.times.of(Stage::Render).saturating_sub(reading))
    }
}

/// Seconds with microseconds.
fn fine(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_follow_each_other_and_add_up() {
        let started = Instant::now();
        let mut phases = Phases::since(started);
        phases.end("prepare");
        let mut later = Phases::since(Instant::now());
        for name in ["open", "plan", "open"] {
            later.end(name);
        }
        phases.join(&later);
        phases.end("bake");
        let names: Vec<&str> = phases.phases.iter().map(|phase| phase.0).collect();
        assert_eq!(names, ["prepare", "open", "plan", "bake"]);
        let sum: Duration = phases.phases.iter().map(|phase| phase.1).sum();
        let all = phases.last - started;
        assert!(
            sum <= all && all - sum < Duration::from_millis(50),
            "{sum:?} of {all:?}"
        );
    }
}
