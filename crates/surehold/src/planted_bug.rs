//! A fault put in on purpose, from the environment: only in a build with the feature `planted`.

use planted::{Bug, VARIABLE};

use crate::{Failed, failed};

/// Takes the wall down that the variable names, if it is set.
#[expect(clippy::disallowed_methods, reason = "a process of the attack is told its fault this way")]
pub fn plant() -> Result<(), Failed> {
    let Ok(name) = std::env::var(VARIABLE) else { return Ok(()) };
    let bug = Bug::from_name(&name).ok_or_else(|| failed(format!("{VARIABLE}: there is no bug `{name}`")))?;
    planted::plant(bug);
    eprintln!("surehold: PLANTED BUG {name}: {} This program must not serve anybody.", bug.what());
    Ok(())
}
