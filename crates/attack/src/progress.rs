//! The progress of a run: a bar per scenario on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

const EVERY: Duration = Duration::from_millis(120);

#[derive(Clone)]
pub struct Progress(Shown);

#[derive(Clone)]
enum Shown {
    Bars(MultiProgress),
    Lines,
    Nothing,
}

/// The progress of one scenario.
#[derive(Clone)]
pub struct ScenarioLine {
    name: String,
    bar: ProgressBar,
    lines: bool,
}

impl Progress {
    /// On standard error.
    pub fn shown() -> Progress {
        let terminal = std::io::stderr().is_terminal();
        Progress(if terminal { Shown::Bars(MultiProgress::new()) } else { Shown::Lines })
    }

    pub fn hidden() -> Progress {
        Progress(Shown::Nothing)
    }

    /// A line that stays visible.
    pub fn line(&self, text: &str) {
        match &self.0 {
            // A closed terminal must not fail the attack.
            Shown::Bars(bars) => drop(bars.println(text)),
            Shown::Lines => drop(writeln!(std::io::stderr(), "{text}")),
            Shown::Nothing => {}
        }
    }

    pub(super) fn step(&self, name: &str) -> ScenarioLine {
        let bar = match &self.0 {
            Shown::Bars(bars) => {
                let bar = bars.add(ProgressBar::no_length());
                if let Ok(style) =
                    ProgressStyle::with_template("{spinner} {prefix:<14} [{elapsed}] {wide_msg}")
                {
                    bar.set_style(style);
                }
                bar.enable_steady_tick(EVERY);
                bar
            }
            Shown::Lines | Shown::Nothing => ProgressBar::hidden(),
        };
        bar.set_prefix(name.to_owned());
        ScenarioLine { name: name.to_owned(), bar, lines: matches!(self.0, Shown::Lines) }
    }
}

impl ScenarioLine {
    /// Shows the current step.
    pub fn show(&self, text: impl Into<String>) {
        let text = text.into();
        if self.lines {
            let _gone = writeln!(std::io::stderr(), "  {}: {text}", self.name);
        }
        self.bar.unset_length();
        self.bar.set_message(text);
    }

    /// Shows a step with a number of pieces; [`ScenarioLine::advance`] counts them.
    pub fn counts(&self, text: &str, pieces: usize) {
        self.show(text);
        let template = "{spinner} {prefix:<14} [{elapsed}] {bar:30} {pos}/{len} {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_length(pieces as u64);
        self.bar.set_position(0);
    }

    pub fn advance(&self) {
        self.bar.inc(1);
    }

    pub(super) fn ends(&self) {
        self.bar.finish_and_clear();
    }
}
