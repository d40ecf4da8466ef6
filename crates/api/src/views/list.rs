//! One page of a list.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Some rows, and where to read on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub data: Vec<T>,
    /// Pass it as `cursor` for the next page; null on the last one. Of events it is never null, and is
    /// passed as `after`: more may happen.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    pub fn whole(data: Vec<T>) -> Page<T> {
        Page { data, next_cursor: None }
    }
}
