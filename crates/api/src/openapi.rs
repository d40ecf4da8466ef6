//! The OpenAPI 3.1 document, made from what the server says about its endpoints. The schemas come
//! from the types, with limits and enumerations from [`constraints`], [`patterns`] and [`together`].
//! Requests are checked against the same schemas when they are read.

mod constraints;
mod endpoint;
mod headers;
mod operation;
pub mod patterns;
mod schemas;
mod together;

use serde_json::Value;
use utoipa::openapi::path::{HttpMethod, PathsBuilder};
use utoipa::openapi::schema::ComponentsBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::server::ServerBuilder;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem};

pub use endpoint::{ApiOperation, ApiReply, Key, ReplyBody, RequestBody};
use schemas::{COMPONENTS, page_of};
pub use schemas::{EXAMPLES, schema};
pub use utoipa::ToSchema;

const DESCRIPTION: &str = include_str!("openapi/introduction.md");

/// The document as JSON text, members in the order of their names. A tag is a name and a description.
pub fn document(
    tags: impl IntoIterator<Item = (&'static str, &'static str)>,
    operations: impl IntoIterator<Item = ApiOperation>,
) -> String {
    let document = without_schemas(tags, operations);
    let mut document = serde_json::to_value(document).expect("a document can be written");
    document["components"]["schemas"] = Value::Object(COMPONENTS.clone());
    headers::require(&mut document);
    let mut text = serde_json::to_string_pretty(&document).expect("a document can be written");
    text.push('\n');
    text
}

fn without_schemas(
    tags: impl IntoIterator<Item = (&'static str, &'static str)>,
    operations: impl IntoIterator<Item = ApiOperation>,
) -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Surehold")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(license))
        .build();
    let tags = tags
        .into_iter()
        .map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build());
    let mut paths = PathsBuilder::new();
    for operation in operations {
        let method = match operation.method {
            "POST" => HttpMethod::Post,
            "PATCH" => HttpMethod::Patch,
            _ => HttpMethod::Get,
        };
        // The builder adds the operation to whatever the path has already.
        paths = paths.path(operation.path, PathItem::new(method, operation::of(&operation)));
    }
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new()
            .url("/")
            .description(Some("The server that this is read from."))
            .build()]))
        .tags(Some(tags))
        .paths(paths.build())
        .components(Some(components()))
        .build()
}

fn components() -> utoipa::openapi::Components {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("API key")
        .description(Some(
            "A tenant's API key, `sh_live_...` or `sh_test_...`. What it may do, its scopes say.",
        ))
        .build();
    ComponentsBuilder::new().security_scheme("api_key", SecurityScheme::Http(bearer)).build()
}

#[cfg(test)]
mod tests;
