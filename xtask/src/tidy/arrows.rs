//! The dependencies between the crates, as ARCHITECTURE.md draws them.
//!
//! A crate's rule holds because the crate cannot name what it must not know: `domain` has no clock
//! and no rows. Cargo accepts any new dependency; this check does not. Dev-dependencies are free.

use serde_json::Value;

use crate::Failure;

/// One crate, and the crates of this workspace that it needs to be built.
pub struct Crate {
    name: String,
    needs: Vec<String>,
}

/// The permitted dependencies of each crate.
enum Allowed {
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

fn allowed(name: &str) -> Option<Allowed> {
    Some(match name {
        "fault_injection" | "outbound" | "sandbox" | "test_servers" => Allowed::Only(&[]),
        "domain" | "resilience" => Allowed::Only(&["fault_injection"]),
        "store" => Allowed::Only(&["domain", "fault_injection"]),
        "providers" => Allowed::Only(&["domain", "fault_injection", "outbound", "resilience"]),
        "api" => Allowed::Only(&["domain"]),
        "client" => Allowed::Only(&["api", "outbound", "resilience"]),
        "server" => Allowed::Only(&["domain", "store", "providers", "api", "fault_injection", "resilience"]),
        // Besides the server's ports, the types that those use.
        "adapter_nats" | "adapter_otlp" | "adapter_redis" => Allowed::Only(&[
            "server",
            "store",
            "domain",
            "api",
            "outbound",
            "providers",
            "resilience",
            "fault_injection",
        ]),
        "surehold" => Allowed::Only(&[
            "adapter_nats",
            "adapter_otlp",
            "adapter_redis",
            "server",
            "api",
            "client",
            "store",
            "domain",
            "providers",
            "resilience",
            "sandbox",
            "attack",
            "bench",
            "check",
            "outbound",
            "fault_injection",
        ]),
        "check" => Allowed::Only(&["domain", "outbound", "store"]),
        "testkit" => Allowed::AllBut(&["attack", "bench", "surehold", "xtask"]),
        "bench" => Allowed::AllBut(&["attack", "surehold", "xtask"]),
        "attack" => Allowed::AllBut(&["bench", "surehold", "xtask"]),
        "xtask" => Allowed::Only(&["test_servers", "fault_injection"]),
        _ => return None,
    })
}

pub fn check(crates: &[Crate]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Crate { name, needs } in crates {
        let Some(allowed) = allowed(name) else {
            complaints.push(format!("crate {name}: add its dependencies to xtask/src/tidy/arrows.rs"));
            continue;
        };
        for need in needs {
            let fine = match &allowed {
                Allowed::Only(crates) => crates.contains(&need.as_str()),
                Allowed::AllBut(crates) => !crates.contains(&need.as_str()),
            };
            if !fine {
                complaints.push(format!("crate {name}: must not lean on {need}"));
            }
        }
    }
    complaints
}

/// Reads `cargo metadata`, where a dependency of this workspace has a path, and a dependency for
/// tests has a kind.
pub fn read(metadata: &Value) -> Result<Vec<Crate>, Failure> {
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let name = |value: &Value| value["name"].as_str().map(str::to_owned).ok_or("a package without a name");
    let needs = |package: &Value| -> Result<Vec<String>, &str> {
        let all = package["dependencies"].as_array().ok_or("a package without dependencies")?;
        all.iter().filter(|need| need["path"].is_string() && need["kind"] != "dev").map(name).collect()
    };
    let crates = packages.iter().map(|package| Ok(Crate { name: name(package)?, needs: needs(package)? }));
    crates.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_that_is_not_drawn_is_refused() {
        let check = |name: &str, needs: &[&str], expected: &[&str]| {
            let needs = needs.iter().map(ToString::to_string).collect();
            assert_eq!(super::check(&[Crate { name: name.to_owned(), needs }]), expected);
        };
        check("domain", &[], &[]);
        check("domain", &["store"], &["crate domain: must not lean on store"]);
        check("store", &["domain"], &[]);
        check("store", &["domain", "providers"], &["crate store: must not lean on providers"]);
        check("surehold", &["server", "attack", "check", "sandbox"], &[]);
        check("adapter_redis", &["server", "domain"], &[]);
        check("adapter_redis", &["adapter_nats"], &["crate adapter_redis: must not lean on adapter_nats"]);
        check("server", &["adapter_redis"], &["crate server: must not lean on adapter_redis"]);
        check("surehold", &["test_servers"], &["crate surehold: must not lean on test_servers"]);
        check("attack", &["testkit", "test_servers"], &[]);
        check("testkit", &["attack"], &["crate testkit: must not lean on attack"]);
        let unknown = "crate newcomer: add its dependencies to xtask/src/tidy/arrows.rs";
        check("newcomer", &[], &[unknown]);
    }

    #[test]
    fn dependencies_for_tests_and_from_elsewhere_do_not_count() {
        let metadata = serde_json::json!({ "packages": [{ "name": "domain", "dependencies": [
            { "name": "serde", "kind": null },
            { "name": "test_servers", "kind": "dev", "path": "crates/test_servers" },
            { "name": "store", "kind": null, "path": "crates/store" },
            { "name": "api", "kind": "build", "path": "crates/api" },
        ] }] });
        let crates = read(&metadata).unwrap();
        assert_eq!(
            (crates[0].name.as_str(), &crates[0].needs[..]),
            ("domain", &["store".to_owned(), "api".to_owned()][..])
        );
        assert!(read(&Value::Null).is_err());
    }
}
