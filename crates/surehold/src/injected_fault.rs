//! Injects a fault from the environment: only in a build with the feature `fault_injection`.

use fault_injection::{InjectedFault, VARIABLE};

use crate::{Failed, failed};

/// Injects the fault that the variable names, if it is set.
#[expect(clippy::disallowed_methods, reason = "the attack passes a process its fault this way")]
pub fn inject() -> Result<(), Failed> {
    let Ok(name) = std::env::var(VARIABLE) else { return Ok(()) };
    let fault = InjectedFault::from_name(&name)
        .ok_or_else(|| failed(format!("{VARIABLE}: there is no fault `{name}`")))?;
    fault_injection::inject(fault);
    eprintln!("surehold: INJECTED FAULT {name}: {} This program must not serve anybody.", fault.what());
    Ok(())
}
