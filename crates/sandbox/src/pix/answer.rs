//! The reply to a call, rendered from the snapshots of its journal line.

use serde::{Deserialize, Serialize};

use super::{cob::StoredCob, refusal::PixRefusal};
use crate::snapshot::Snapshot;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixAnswer {
    /// Position of the charge among the snapshots.
    Made {
        snapshot: usize,
    },
    Revised {
        snapshot: usize,
    },
    /// With the return's place in its charge.
    Returned {
        snapshot: usize,
        pix: usize,
        made: usize,
    },
    Registered,
    Refused(PixRefusal),
}

impl PixAnswer {
    pub fn status(&self) -> u16 {
        match self {
            Self::Made { .. } | Self::Returned { .. } => 201,
            Self::Revised { .. } | Self::Registered => 200,
            Self::Refused(refusal) => refusal.status(),
        }
    }

    pub fn object<'a>(&self, snapshots: &'a [Snapshot]) -> Option<&'a str> {
        match self {
            Self::Made { snapshot } | Self::Revised { snapshot } | Self::Returned { snapshot, .. } => {
                Some(&*cob(snapshots, *snapshot)?.txid)
            }
            Self::Registered | Self::Refused(_) => None,
        }
    }

    pub fn render(&self, snapshots: &[Snapshot]) -> Vec<u8> {
        let shown = match self {
            Self::Made { snapshot } | Self::Revised { snapshot } => {
                cob(snapshots, *snapshot).map(StoredCob::view_without_pix)
            }
            Self::Returned { snapshot, pix, made } => {
                let found = cob(snapshots, *snapshot).and_then(|cob| cob.pix.get(*pix)?.returns.get(*made));
                found.map(super::cob::StoredReturn::view)
            }
            Self::Registered => return Vec::new(),
            Self::Refused(refusal) => return refusal.render(),
        };
        shown.map_or_else(|| b"{}".to_vec(), |shown| shown.to_string().into_bytes())
    }

    pub fn refusal_name(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => Some(refusal.name()),
            _ => None,
        }
    }
}

fn cob(snapshots: &[Snapshot], position: usize) -> Option<&StoredCob> {
    match snapshots.get(position)? {
        Snapshot::StoredCob(cob) => Some(cob),
        _ => None,
    }
}
