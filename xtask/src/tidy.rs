//! House rules that no other tool knows: the length and the names of files, text that must not
//! remain in them, the vocabulary, the links between pages and the tests that they name, the parts of a
//! function where nothing may fail, floating-point numbers where money is counted, and the dependencies
//! between crates and modules.

mod arrows;
mod files;
mod floats;
mod infallible;
mod links;
mod modules;
mod named_tests;
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
    complaints.extend(named_tests::check(root(), files.iter().map(AsRef::as_ref))?);
    complaints.extend(arrows::check(&arrows::read(&programs::metadata()?)?));
    for complaint in &complaints {
        println!("    {complaint}");
    }
    let count = files.iter().filter(|file| files::is_rust(file)).count();
    println!(
        "    {count} Rust files, their vocabulary, and the dependencies between the crates were checked"
    );
    match complaints.len() {
        0 => Ok(()),
        count => Err(format!("{count} house rules are broken").into()),
    }
}
