//! Pages of a list, and the one shape of every refusal.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The things on this page.
    pub items: Vec<T>,
    /// How many there are on all pages, after filtering.
    pub total: u64,
    /// This page's number, counted from 1.
    pub page: u32,
    /// How many things a page has at most, 1 to 500.
    pub page_size: u32,
}

/// Every refusal of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiError {
    /// A stable code.
    pub error: String,
    /// A sentence that says what to do.
    pub message: String,
    /// The field of the request at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
