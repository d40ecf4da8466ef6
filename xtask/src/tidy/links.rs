//! Links between the pages: each leads to a file of the repository, and its fragment to a heading there.
//! Addresses of other sites, and paths of the running server, are not followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::Failure;

/// What is wrong with the links of the Markdown files among these.
pub fn check<'f>(root: &Path, files: impl Iterator<Item = &'f Path>) -> Result<Vec<String>, Failure> {
    let mut pages = BTreeMap::new();
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        pages.insert(file.to_owned(), Page::read(&fs::read_to_string(root.join(file))?));
    }
    let mut complaints = Vec::new();
    for (file, page) in &pages {
        let broken = page.links.iter().filter_map(|link| Some((link, fault(root, &pages, file, link)?)));
        complaints.extend(broken.map(|(link, fault)| format!("{}: `{link}`: {fault}", file.display())));
    }
    Ok(complaints)
}

fn fault(root: &Path, pages: &BTreeMap<PathBuf, Page>, from: &Path, link: &str) -> Option<&'static str> {
    let (path, fragment) =
        link.split_once('#').map_or((link, None), |(path, fragment)| (path, Some(fragment)));
    if path.starts_with('/') || path.contains(':') {
        return None;
    }
    let target = if path.is_empty() { from.to_owned() } else { beside(from, path) };
    if !root.join(&target).exists() {
        return Some("there is no such file");
    }
    let headings = &pages.get(&target)?.headings;
    fragment.filter(|fragment| !headings.contains(*fragment)).map(|_| "the page has no such heading")
}

/// The path that a link of `from` names, from the root.
fn beside(from: &Path, path: &str) -> PathBuf {
    let mut target = from.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => drop(target.pop()),
            Component::Normal(name) => target.push(name),
            _ => {}
        }
    }
    target
}

#[derive(Default)]
struct Page {
    links: Vec<String>,
    /// As fragments.
    headings: BTreeSet<String>,
}

impl Page {
    fn read(text: &str) -> Page {
        let mut page = Page::default();
        let mut heading: Option<String> = None;
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::End(TagEnd::Heading(_)) => page.add_heading(&heading.take().unwrap_or_default()),
                _ => {}
            }
        }
        page
    }

    /// As GitHub makes a fragment of it: one that is there already gets a number.
    fn add_heading(&mut self, text: &str) {
        let kept = text.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
        let fragment = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let numbered = (1..).map(|number| format!("{fragment}-{number}"));
        let free =
            std::iter::once(fragment.clone()).chain(numbered).find(|name| !self.headings.contains(name));
        self.headings.extend(free);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_a_file_and_to_a_heading() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("docs")).unwrap();
        let tour = "# The tour\n## `serve`: it *runs*, [always](../README.md)\n## Twice\n## Twice\n";
        fs::write(root.path().join("docs/tour.md"), tour).unwrap();
        let check = |link: &str, expected: Option<&str>| {
            let text = format!("# Read me\n\n| a |\n|---|\n| [it]({link}) |\n\n`[no](link.md)`\n");
            fs::write(root.path().join("README.md"), text).unwrap();
            let files = [Path::new("README.md"), Path::new("docs/tour.md")];
            let complaints = check(root.path(), files.into_iter()).unwrap();
            let expected = expected.map(|fault| format!("README.md: `{link}`: {fault}"));
            assert_eq!(complaints, Vec::from_iter(expected));
        };
        for good in ["docs/tour.md", "docs", "#read-me", "https://example.com/a#b", "/docs/errors#x"] {
            check(good, None);
        }
        for good in ["docs/tour.md#serve-it-runs-always", "docs/tour.md#twice-1", "docs/../docs/tour.md"] {
            check(good, None);
        }
        for bad in ["docs/turn.md", "tour.md#twice", "../docs/tour.md/none"] {
            check(bad, Some("there is no such file"));
        }
        for bad in ["#tour", "docs/tour.md#twice-2", "docs/tour.md#The-tour"] {
            check(bad, Some("the page has no such heading"));
        }
    }
}
