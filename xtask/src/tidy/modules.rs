//! The dependencies between modules of a crate, for boundaries that the compiler does not check.

use std::fs;
use std::path::Path;

use crate::Failure;

/// A module that others must not name.
struct Boundary {
    /// The crate's sources.
    sources: &'static str,
    module: &'static str,
    /// The modules that may name it, because they put it together.
    but_for: &'static [&'static str],
    why: &'static str,
}

const BOUNDARIES: [Boundary; 1] = [Boundary {
    sources: "crates/server/src",
    module: "http",
    // The metrics count by route, and the routes belong to the endpoints.
    but_for: &["http", "service", "metrics"],
    why: "what HTTP needs of others is a port (crates/server/src/ports)",
}];

/// A build may leave out an adapter only: the core is the same in every build.
const WITHOUT_FEATURES: &str = "crates/server/src";
/// Written in halves, or this file would find itself.
const FEATURE: &str = concat!("feature", " = \"");

/// `files` are paths below `root`.
pub fn check<'a>(root: &Path, files: impl Iterator<Item = &'a Path>) -> Result<Vec<String>, Failure> {
    let mut complaints = Vec::new();
    for file in files {
        let text = fs::read_to_string(root.join(file))?;
        if file.starts_with(WITHOUT_FEATURES) && text.contains(FEATURE) {
            complaints.push(format!("{}: has no features: make it an adapter", file.display()));
        }
        for boundary in &BOUNDARIES {
            if let Some(module) = module_of(file, boundary.sources)
                && !boundary.but_for.contains(&module)
            {
                complaints.extend(check_file(file, &text, boundary));
            }
        }
    }
    Ok(complaints)
}

/// The crate's module that contains the file.
fn module_of<'a>(file: &'a Path, sources: &str) -> Option<&'a str> {
    let first = file.strip_prefix(sources).ok()?.iter().next()?.to_str()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

fn check_file(file: &Path, text: &str, boundary: &Boundary) -> Vec<String> {
    let path = format!("crate::{}", boundary.module);
    let is_word = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    // A module may also be one of several: `use crate::{http, wake};`.
    let among = |list: &str| {
        list.split([',', '{', '}']).any(|item| item.trim().split("::").next() == Some(boundary.module))
    };
    let names = |(_, line): &(i32, &str)| {
        let code = line.split("//").next().unwrap_or_default();
        code.split(path.as_str()).skip(1).any(is_word) || code.split("crate::{").skip(1).any(among)
    };
    let lines = (1..).zip(text.lines()).filter(names);
    let complaint =
        |(number, _)| format!("{}:{number}: must not name `{path}`: {}", file.display(), boundary.why);
    lines.map(complaint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_server_that_names_http_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let check = |file: &str, line: &str, complaints: usize| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, line).unwrap();
            let found = check(root.path(), [Path::new(file)].into_iter()).unwrap();
            assert_eq!(found.len(), complaints, "{file}: {line}");
        };
        let naming = "use crate::http::Limits;\n";
        check("crates/server/src/workers/pool.rs", naming, 1);
        check("crates/server/src/relay.rs", "use crate::{http, wake};\nfn a(b: crate::http::App) {}\n", 2);
        check("crates/server/src/ports/broker.rs", naming, 1);
        check("crates/server/src/http/guard.rs", naming, 0);
        check("crates/server/src/http.rs", naming, 0);
        check("crates/server/src/service.rs", naming, 0);
        check(
            "crates/server/src/webhooks.rs",
            "use http::HeaderMap;\nuse crate::https;\n// crate::http\n",
            0,
        );
        check("crates/store/src/writer.rs", naming, 0);
        let optional = concat!("#[cfg(", "feature", " = \"redis\")]\nmod redis;\n");
        check("crates/server/src/lib.rs", optional, 1);
        check("crates/surehold/src/main.rs", optional, 0);
    }
}
