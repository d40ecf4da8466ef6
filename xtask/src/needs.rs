//! The software that the steps need besides Rust.
//!
//! Missing software is installed with `apt-get` if we are root. Otherwise the step fails and prints
//! the command: it must not run fewer tests than requested and report success.

use test_servers::postgres::{Binaries, MAJOR_MIN};
use test_servers::program::{Program, Wanted};
use test_servers::{haproxy, nats, pgbouncer, redis};

use crate::Failure;
use crate::command::{command, output, run};

/// The first version with Node's test runner (`node --test`).
const NODE_MAJOR_MIN: u32 = 18;
/// The version for which schemathesis is locked: that of Debian 12, or newer.
const PYTHON_OLDEST: (u32, u32) = (3, 11);
/// Debian's `python3` alone has `venv`, but cannot install `pip` into the environment.
const PYTHON_VERSION: &str = "import ensurepip, platform, venv; print(platform.python_version())";

/// Software that a step needs: how to find it, and Debian's packages for it.
struct Need {
    what: &'static str,
    packages: &'static [&'static str],
    /// The version, or the reason why it is not usable.
    find: fn() -> Result<String, String>,
}

const POSTGRESQL: Need =
    Need { what: "PostgreSQL server", packages: &["postgresql"], find: || find_postgresql() };
const C_COMPILER: Need =
    Need { what: "C compiler", packages: &["gcc", "libc6-dev"], find: || find_program("cc --version") };
const REDIS: Need = Need { what: "Redis", packages: &["redis-server"], find: || find_server(redis::SERVER) };
const NATS: Need = Need { what: "NATS", packages: &["nats-server"], find: || find_server(nats::SERVER) };
const PGBOUNCER: Need =
    Need { what: "PgBouncer", packages: &["pgbouncer"], find: || find_server(pgbouncer::SERVER) };
const HAPROXY: Need = Need { what: "HAProxy", packages: &["haproxy"], find: || find_server(haproxy::SERVER) };
/// Reads metrics and alert rules as Prometheus would.
const PROMTOOL: Need =
    Need { what: "promtool", packages: &["prometheus"], find: || find_server(PROMTOOL_WANTED) };
const PROMTOOL_WANTED: Wanted =
    Wanted { program: "promtool", package: "prometheus", version: "--version", oldest: (2, 42) };
/// The tour of the documentation uses these.
const CURL: Need = Need { what: "curl", packages: &["curl"], find: || find_program("curl --version") };
const JQ: Need = Need { what: "jq", packages: &["jq"], find: || find_program("jq --version") };
const NODE: Need = Need { what: "Node.js", packages: &["nodejs"], find: || find_node() };
const NPM: Need = Need { what: "npm", packages: &["npm"], find: || find_program("npm --version") };
/// For tests of pages.
const CHROMIUM: Need =
    Need { what: "Chromium", packages: &["chromium"], find: || find_program("chromium --version") };
const PYTHON: Need = Need { what: "Python", packages: &["python3", "python3-venv"], find: || find_python() };

/// The servers that the program uses, and a compiler for SQLite's source. Some of Debian's packages
/// start a system server; tests start their own on other ports.
const FOR_TESTS: [Need; 9] = [C_COMPILER, POSTGRESQL, PGBOUNCER, REDIS, NATS, HAPROXY, PROMTOOL, CURL, JQ];

/// What `cargo test` needs.
pub fn for_tests() -> Result<(), Failure> {
    meet(&FOR_TESTS)
}

/// What the official SDKs, the linters and schemathesis need.
pub fn for_sdk() -> Result<(), Failure> {
    meet(&[NODE, NPM, PYTHON])
}

/// What the browser's tests need.
pub fn for_browser() -> Result<(), Failure> {
    meet(&[NODE, NPM, CHROMIUM])
}

/// The lints need these two, which rustup's minimal profile leaves out.
pub fn for_lint() -> Result<(), Failure> {
    for (component, version) in [("rustfmt", "cargo fmt --version"), ("clippy", "cargo clippy --version")] {
        if output(&mut command(version)).is_none() {
            println!("    {component}: missing");
            run(&mut command(&format!("rustup component add {component}")))?;
        }
        let version = output(&mut command(version)).ok_or_else(|| format!("`{version}` does not run"))?;
        println!("    {component}: {version}");
    }
    Ok(())
}

fn meet(needs: &[Need]) -> Result<(), Failure> {
    let mut packages: Vec<&str> = Vec::new();
    for need in needs {
        match (need.find)() {
            Ok(found) => println!("    {}: {found}", need.what),
            Err(reason) => {
                println!("    {}: {reason}", need.what);
                packages.extend(need.packages);
            }
        }
    }
    if packages.is_empty() {
        return Ok(());
    }
    install(&packages.join(" "))?;
    for need in needs {
        let found = (need.find)().map_err(|reason| {
            format!("{} is still not there after `apt-get install`: {reason}", need.what)
        })?;
        println!("    {}: {found}", need.what);
    }
    Ok(())
}

fn install(packages: &str) -> Result<(), Failure> {
    if output(&mut command("apt-get --version")).is_none() {
        return Err(format!(
            "there is no apt-get to install what is missing with. Install what Debian calls: {packages}"
        )
        .into());
    }
    if output(&mut command("id -u")).as_deref() != Some("0") {
        return Err(format!(
            "only root may install what is missing. Run: \
             sudo apt-get update && sudo apt-get install --yes --no-install-recommends {packages}"
        )
        .into());
    }
    let apt_get = |arguments: &str| {
        run(command(&format!("apt-get {arguments}")).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let install = format!("install --yes --no-install-recommends {packages}");
    // A new image has no package lists, and an old image has outdated lists.
    apt_get(&install).or_else(|_| {
        apt_get("update")?;
        apt_get(&install)
    })
}

fn find_postgresql() -> Result<String, String> {
    let binaries = Binaries::find().map_err(|error| error.to_string())?;
    Ok(format!("{} ({MAJOR_MIN} or newer is needed)", binaries.version()))
}

fn find_server(wanted: Wanted) -> Result<String, String> {
    let program = Program::find(wanted).map_err(|error| error.to_string())?;
    let (major, minor) = wanted.oldest;
    Ok(format!("{} ({major}.{minor} or newer is needed)", program.version()))
}

fn find_node() -> Result<String, String> {
    let version = find_program("node --version")?;
    match major(&version) {
        Some(major) if major >= NODE_MAJOR_MIN => Ok(version),
        _ => Err(format!("{version} is too old, {NODE_MAJOR_MIN} is needed")),
    }
}

fn find_python() -> Result<String, String> {
    let version = output(command("python3 -c").arg(PYTHON_VERSION)).ok_or("missing, or without venv")?;
    let (major, minor) = PYTHON_OLDEST;
    match major_and_minor(&version) {
        Some(found) if found >= PYTHON_OLDEST => Ok(version),
        _ => Err(format!("{version} is too old, {major}.{minor} is needed")),
    }
}

fn find_program(line: &str) -> Result<String, String> {
    let printed = output(&mut command(line)).ok_or("missing")?;
    Ok(printed.lines().next().unwrap_or_default().to_owned())
}

/// `v20.20.2` is 20.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// `3.11.7` is 3 and 11.
fn major_and_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_node_is_read() {
        let check = |version: &str, expected: Option<u32>| assert_eq!(major(version), expected, "{version}");
        check("v20.20.2", Some(20));
        check("v8.0.0", Some(8));
        check("20", None);
        check("", None);
    }

    #[test]
    fn the_version_of_python_is_read() {
        let check = |version: &str, expected| assert_eq!(major_and_minor(version), expected, "{version}");
        check("3.11.7", Some((3, 11)));
        check("3.9.2", Some((3, 9)));
        check("3.15.0rc1", Some((3, 15)));
        check("3", None);
        check("", None);
    }

    #[test]
    fn missing_software_is_named() {
        assert_eq!(find_program("no-such-program --version"), Err("missing".to_owned()));
    }

    #[test]
    fn the_tests_do_not_run_without_what_they_need() {
        for need in FOR_TESTS {
            assert!((need.find)().is_ok_and(|found| !found.is_empty()), "{}", need.what);
        }
    }
}
