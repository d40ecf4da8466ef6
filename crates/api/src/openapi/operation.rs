//! One endpoint as an operation of the document.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::path::{self, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ContentBuilder, Header, HeaderBuilder, Ref, RefOr, Required, ResponseBuilder, ResponsesBuilder,
};

use super::endpoint::{ApiOperation, ApiReply, Key, ReplyBody};
use super::{page_of, patterns, schema};
use crate::code::Code;

pub fn of(endpoint: &ApiOperation) -> path::Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(endpoint.id))
        .tag(endpoint.tag)
        .summary(Some(endpoint.summary))
        .description(Some(description(endpoint)))
        .responses(responses(endpoint));
    for parameter in parameters(endpoint) {
        operation = operation.parameter(parameter);
    }
    if let Some(body) = &endpoint.body {
        let required = if body.is_optional { Required::False } else { Required::True };
        let body = RequestBodyBuilder::new().content("application/json", content(&body.schema));
        operation = operation.request_body(Some(body.required(Some(required)).build()));
    }
    if !endpoint.scopes.is_empty() {
        operation = operation.security(SecurityRequirement::new("api_key", Vec::<String>::new()));
    }
    operation.build()
}

fn description(endpoint: &ApiOperation) -> String {
    let scopes: Vec<_> = endpoint.scopes.iter().map(|scope| format!("`{}`", scope.name())).collect();
    if scopes.is_empty() {
        return endpoint.description.to_owned();
    }
    format!("{} Needs the scope {}.", endpoint.description, scopes.join(" or "))
}

fn parameters(endpoint: &ApiOperation) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    if endpoint.path.contains("{id}") {
        let id = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
            .build();
        parameters.push(parameter("id", ParameterIn::Path, true, "The id of the resource.", id.into()));
    }
    if let Some(query) = endpoint.query.as_deref().and_then(schema) {
        for (name, member) in query["properties"].as_object().into_iter().flatten() {
            let description = member["description"].as_str();
            let description =
                description.map_or_else(|| format!("Only what has this `{name}`."), ToOwned::to_owned);
            let needed = query["required"].as_array().is_some_and(|all| all.contains(&json!(name)));
            parameters.push(parameter(name, ParameterIn::Query, needed, &description, given(member)));
        }
    }
    if endpoint.key != Key::None {
        let key = json!({ "type": "string", "pattern": patterns::key_in_header() });
        let description = "Names this piece of work: visible ASCII, bare or in quotes. Sent again with the same \
             body it answers the same and does nothing twice.";
        let required = endpoint.key == Key::Required;
        parameters.push(parameter(
            "Idempotency-Key",
            ParameterIn::Header,
            required,
            description,
            given(&key),
        ));
    }
    if endpoint.waits {
        let prefer = ObjectBuilder::new().schema_type(Type::String).build();
        let description = "`wait=N` waits up to N seconds (0 to 30; 10 where it is absent) for the provider's \
             outcome; `respond-async` does not wait.";
        parameters.push(parameter("Prefer", ParameterIn::Header, false, description, prefer.into()));
    }
    parameters
}

fn parameter(
    name: &str,
    location: ParameterIn,
    required: bool,
    description: &str,
    schema: RefOr<Schema>,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(location)
        .required(if required { Required::True } else { Required::False })
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// As the schema of a parameter: a parameter that is present is never null.
fn given(schema: &Value) -> RefOr<Schema> {
    let mut schema = schema.clone();
    if let Some(kind) =
        schema["type"].as_array().and_then(|types| types.iter().find(|kind| **kind != "null")).cloned()
    {
        schema["type"] = kind;
    }
    serde_json::from_value(schema).expect("what was written as a schema can be read as one")
}

fn responses(endpoint: &ApiOperation) -> utoipa::openapi::Responses {
    let mut responses = ResponsesBuilder::new();
    for ApiReply { status, body, description } in &endpoint.replies {
        let mut response = ResponseBuilder::new().description(*description);
        response = match body {
            ReplyBody::One(name) | ReplyBody::Once(name) => {
                response.content("application/json", content(name))
            }
            ReplyBody::Page(name) => response.content("application/json", content(&page_of(name))),
            ReplyBody::Text(kind) => response.content(*kind, ContentBuilder::new().build()),
        };
        if matches!(status, 201 | 202) && endpoint.has_a_place() {
            response = response.header("Location", header(text(), "The path of the resource."));
        }
        if endpoint.key != Key::None {
            let replayed = "`true` if this is the stored answer of an earlier request with the same key.";
            response = response.header("Idempotent-Replayed", header(text(), replayed));
        }
        responses = responses.response(status.to_string(), response.build());
    }
    for (status, codes) in problems(endpoint) {
        let names: Vec<_> = codes.iter().map(|code| format!("`{}`", code.name())).collect();
        let mut response = ResponseBuilder::new()
            .description(names.join(", "))
            .content("application/problem+json", content("Problem"));
        if codes.iter().any(|code| code.retry_after_seconds().is_some()) {
            let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).build();
            response = response.header("Retry-After", header(seconds, "Seconds after which to ask again."));
        }
        if codes.contains(&Code::Unauthenticated) {
            let description = "How to say who asks: `Bearer` (RFC 9110 section 11.6.1).";
            response = response.header("WWW-Authenticate", header(text(), description));
        }
        if codes.contains(&Code::ContentCodingNotAccepted) {
            let description = "With `content_coding_not_accepted`: the codings that are taken.";
            response = response.header("Accept-Encoding", header(text(), description));
        }
        responses = responses.response(status.to_string(), response.build());
    }
    responses.build()
}

fn header(schema: Object, description: &str) -> Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

fn text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

fn content(name: &str) -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(name))).build()
}

/// The possible refusals by status: those of the endpoint, and those before a decision.
fn problems(endpoint: &ApiOperation) -> BTreeMap<u16, Vec<Code>> {
    let mut codes = endpoint.refusals.to_vec();
    if endpoint.body.is_some() {
        codes.extend([
            Code::MalformedJson,
            Code::ValidationFailed,
            Code::BodyIsTooLarge,
            Code::UnsupportedMediaType,
            Code::ContentCodingNotAccepted,
        ]);
    }
    if endpoint.query.is_some() {
        codes.push(Code::ValidationFailed);
    }
    if endpoint.key == Key::Required {
        codes.push(Code::IdempotencyKeyMissing);
    }
    if endpoint.key != Key::None {
        codes.extend([
            Code::IdempotencyKeyMalformed,
            Code::RequestInProgress,
            Code::IdempotencyKeyExpired,
            Code::IdempotencyKeyReused,
            Code::CommitOutcomeUnknown,
        ]);
    }
    if !endpoint.scopes.is_empty() {
        codes.extend([Code::HostHeaderMalformed, Code::AddressIsTooLong, Code::HeadersAreTooLarge]);
        codes.push(Code::CardNumberRefused);
        codes.extend([Code::Unauthenticated, Code::ScopeIsMissing, Code::RateLimited, Code::Overloaded]);
        codes.extend([Code::StorageUnavailable, Code::RequestTimedOut, Code::InternalError]);
    }
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    for code in codes {
        let of_status = by_status.entry(code.status()).or_default();
        if !of_status.contains(&code) {
            of_status.push(code);
        }
    }
    by_status
}
