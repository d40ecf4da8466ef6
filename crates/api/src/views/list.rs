//! One page of a list.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Rows, and the cursor of the next page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub data: Vec<T>,
    /// The `cursor` of the next page; null on the last one. For events it is never null, and is
    /// passed as `after`, because more may happen.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    pub fn whole(data: Vec<T>) -> Page<T> {
        Page { data, next_cursor: None }
    }
}
