//! House rules that no other tool knows: how long a file may be, what it may be called, what must not be
//! left in it, which words are used, where nothing may fail, where links lead, and which crate or module may
//! depend on which.

mod arrows;
mod files;
mod infallible;
mod links;
mod modules;
mod vocabulary;

use crate::Failure;
use crate::command::root;
use crate::programs;

pub fn run() -> Result<(), Failure> {
    let files = files::list(root())?;
    let mut complaints = files::check(root(), &files)?;
    complaints.extend(vocabulary::check(root(), files.iter().map(AsRef::as_ref))?);
    complaints
        .extend(modules::check(root(), files.iter().map(AsRef::as_ref).filter(|file| files::is_rust(file)))?);
    complaints.extend(links::check(root(), files.iter().map(AsRef::as_ref))?);
    complaints.extend(arrows::check(&arrows::read(&programs::metadata()?)?));
    for complaint in &complaints {
        println!("    {complaint}");
    }
    let count = files.iter().filter(|file| files::is_rust(file)).count();
    println!("    {count} Rust files, their words, and the arrows between the crates were looked at");
    match complaints.len() {
        0 => Ok(()),
        count => Err(format!("{count} house rules are broken").into()),
    }
}
