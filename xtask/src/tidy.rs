//! House rules that no other tool knows: how long a file may be, what it may be called, what must not be
//! left in it, and which crate may lean on which.

mod arrows;
mod files;

use crate::Failure;
use crate::command::root;
use crate::programs;

pub fn run() -> Result<(), Failure> {
    let (count, mut complaints) = files::check(root())?;
    complaints.extend(arrows::check(&arrows::read(&programs::metadata()?)?));
    for complaint in &complaints {
        println!("    {complaint}");
    }
    println!("    {count} Rust files and the arrows between the crates were looked at");
    match complaints.len() {
        0 => Ok(()),
        count => Err(format!("{count} house rules are broken").into()),
    }
}
