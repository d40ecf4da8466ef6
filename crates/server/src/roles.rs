//! The roles of a process: any set of them.

use std::fmt;

/// | role | what it does |
/// |---|---|
/// | `api` | serves HTTP, takes webhooks, and processes the events that it takes |
/// | `worker` | drives jobs, expires holds, processes events that were left behind |
/// | `relay` | publishes the outbox and sweeps it, runs the consumers of the embedded broker, prunes old messages |
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    pub api: bool,
    pub worker: bool,
    pub relay: bool,
}

const NAMES: [(&str, Roles); 4] =
    [("all", Roles::ALL), ("api", Roles::API), ("worker", Roles::WORKER), ("relay", Roles::RELAY)];

impl Roles {
    pub const ALL: Roles = Roles { api: true, worker: true, relay: true };
    pub const API: Roles = Roles { api: true, ..Roles::NONE };
    pub const WORKER: Roles = Roles { worker: true, ..Roles::NONE };
    pub const RELAY: Roles = Roles { relay: true, ..Roles::NONE };
    const NONE: Roles = Roles { api: false, worker: false, relay: false };

    /// `all`, one role, or several separated by commas. The error is the name that is no role.
    pub fn parse(text: &str) -> Result<Roles, String> {
        let mut roles = Roles::NONE;
        for role_name in text.split(',').map(str::trim) {
            let (_, one) =
                NAMES.iter().find(|(name, _)| *name == role_name).ok_or_else(|| role_name.to_owned())?;
            roles = Roles {
                api: roles.api || one.api,
                worker: roles.worker || one.worker,
                relay: roles.relay || one.relay,
            };
        }
        Ok(roles)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Roles::ALL {
            return out.write_str("all");
        }
        let has = [(self.api, "api"), (self.worker, "worker"), (self.relay, "relay")];
        let names: Vec<&str> = has.into_iter().filter(|(has, _)| *has).map(|(_, name)| name).collect();
        out.write_str(&names.join(","))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_and_shown() {
        for (text, shown) in [
            ("all", "all"),
            ("api", "api"),
            ("worker, relay", "worker,relay"),
            ("relay,worker,relay", "worker,relay"),
            ("api,worker,relay", "all"),
            ("api,all", "all"),
        ] {
            assert_eq!(Roles::parse(text).unwrap().to_string(), shown, "{text}");
        }
        for (text, role_name) in
            [("cook", "cook"), ("", ""), ("api,", ""), ("api,cook", "cook"), ("API", "API")]
        {
            assert_eq!(Roles::parse(text), Err(role_name.to_owned()), "{text}");
        }
    }
}
