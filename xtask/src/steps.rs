//! A run of named steps. A step that fails does not stop the next one, and the table at the end
//! shows all failures.

use std::time::{Duration, Instant};

use crate::Failure;

/// The steps that have run.
#[derive(Default)]
pub struct Steps {
    done: Vec<Done>,
}

struct Done {
    name: &'static str,
    took: Duration,
    end: End,
}

enum End {
    Well,
    Failed(String),
}

impl Steps {
    /// Runs one step, and keeps its result.
    pub fn run<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T, Failure>) -> Option<T> {
        println!("\n==> {name}");
        let begun = Instant::now();
        let outcome = step();
        let took = begun.elapsed();
        let end = match &outcome {
            Ok(_) => {
                println!("==> {name}: done in {:.1} s", took.as_secs_f64());
                End::Well
            }
            Err(failure) => {
                println!("==> {name}: FAILED after {:.1} s: {failure}", took.as_secs_f64());
                End::Failed(failure.to_string())
            }
        };
        self.done.push(Done { name, took, end });
        outcome.ok()
    }

    /// Prints the table; fails if a step failed.
    pub fn finish(self) -> Result<(), Failure> {
        println!("\n{}", self.table());
        let failures = self.done.iter().filter_map(|done| match &done.end {
            End::Failed(failure) => Some(format!("{}: {failure}", done.name)),
            End::Well => None,
        });
        let failures: Vec<String> = failures.collect();
        if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
    }

    fn table(&self) -> String {
        let total: Duration = self.done.iter().map(|done| done.took).sum();
        let line = |name: &str, took: Duration, end: &str| {
            format!("{name:<16} {:>8.1} s  {end}", took.as_secs_f64()).trim_end().to_owned()
        };
        let end = |done: &Done| match done.end {
            End::Well => "ok",
            End::Failed(_) => "FAILED",
        };
        let steps = self.done.iter().map(|done| line(done.name, done.took, end(done)));
        steps.chain([line("total", total, "")]).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_reported_and_stops_no_other() {
        let mut steps = Steps::default();
        assert_eq!(steps.run("first", || Ok(1)), Some(1));
        assert_eq!(steps.run::<()>("second", || Err("it broke".into())), None);
        assert_eq!(steps.run("third", || Ok(3)), Some(3));
        for done in &mut steps.done {
            done.took = Duration::from_millis(1_500);
        }
        let expected = "first                 1.5 s  ok\n\
                        second                1.5 s  FAILED\n\
                        third                 1.5 s  ok\n\
                        total                 4.5 s";
        assert_eq!(steps.table(), expected);
        assert_eq!(steps.finish().unwrap_err().to_string(), "second: it broke");
    }
}
