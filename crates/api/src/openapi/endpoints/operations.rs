//! What waits for a person; probes and numbers.

use super::{Endpoint, Key, ReplyBody, ask, look};
use crate::code::Code;

const OPS: &[&str] = &["ops"];

pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        query: Some("ListQuery"),
        ..look(
            "/v1/ops/review_cases",
            "list_review_cases",
            "Operations",
            OPS,
            ("List open review cases", "What only a person can settle, oldest first."),
            &[(200, ReplyBody::Page("ReviewCase"), "A page of cases.")],
        )
    },
    Endpoint {
        key: Key::Optional,
        refusals: &[Code::ReviewCaseNotFound, Code::StateDoesNotAllowIt],
        ..ask(
            "/v1/ops/review_cases/{id}/resolve",
            "resolve_review_case",
            "Operations",
            OPS,
            ("Close a review case", "Says what was found and done; who and when is in the audit."),
            "Resolution",
            &[(200, ReplyBody::One("ReviewCase"), "The case, closed.")],
        )
    },
    Endpoint {
        query: Some("ListQuery"),
        ..look(
            "/v1/ops/dead_letters",
            "list_dead_letters",
            "Operations",
            OPS,
            (
                "List dead letters",
                "Work that was given up: jobs, providers' events, and messages at a consumer. Those that \
                 were given up first come first.",
            ),
            &[(200, ReplyBody::Page("DeadLetter"), "A page of letters.")],
        )
    },
    Endpoint {
        refusals: &[Code::DeadLetterNotFound],
        ..look(
            "/v1/ops/dead_letters/{id}",
            "get_dead_letter",
            "Operations",
            OPS,
            ("Get a dead letter", "With its history, also after somebody has decided on it."),
            &[(200, ReplyBody::One("DeadLetter"), "The letter.")],
        )
    },
    Endpoint {
        query: Some("ListQuery"),
        refusals: &[Code::DeadLetterNotFound],
        ..look(
            "/v1/ops/dead_letters/{id}/history",
            "get_dead_letter_history",
            "Operations",
            OPS,
            ("Get a dead letter's history", "Who did what with it, when and why; oldest first."),
            &[(200, ReplyBody::Page("HistoryEntry"), "A page of the history.")],
        )
    },
    Endpoint {
        key: Key::Optional,
        refusals: &[Code::DeadLetterNotFound, Code::StateDoesNotAllowIt],
        ..ask(
            "/v1/ops/dead_letters/{id}/retry",
            "retry_dead_letter",
            "Operations",
            OPS,
            (
                "Retry a dead letter",
                "Safe whenever it is done: what was had before is not had again. A job that may have moved \
                 money is only looked up; nothing is sent that could move money.",
            ),
            "LetterDecision",
            &[(200, ReplyBody::One("DeadLetter"), "The letter, on its way again.")],
        )
    },
    Endpoint {
        key: Key::Optional,
        refusals: &[Code::DeadLetterNotFound, Code::StateDoesNotAllowIt],
        ..ask(
            "/v1/ops/dead_letters/{id}/discard",
            "discard_dead_letter",
            "Operations",
            OPS,
            (
                "Discard a dead letter",
                "Nothing more is tried. A job whose outcome is unknown is written off: its booking can be \
                 paid otherwise, and money that is seen of it later opens a review case.",
            ),
            "LetterDecision",
            &[(200, ReplyBody::One("DeadLetter"), "The letter, done with.")],
        )
    },
    look(
        "/v1/ops/settings",
        "get_settings",
        "Operations",
        OPS,
        ("Get the settings", "What the tenant chose."),
        &[(200, ReplyBody::One("Settings"), "The settings.")],
    ),
    Endpoint {
        method: "PATCH",
        key: Key::Optional,
        refusals: &[Code::ClientNotFound, Code::SettingsContradictEachOther],
        ..ask(
            "/v1/ops/settings",
            "change_settings",
            "Operations",
            OPS,
            ("Change the settings", "What is absent stays. Holds that were made keep their time."),
            "ChangedSettings",
            &[(200, ReplyBody::One("Settings"), "The settings as they are now.")],
        )
    },
    Endpoint {
        query: Some("ListQuery"),
        ..look(
            "/v1/ops/api_keys",
            "list_api_keys",
            "Operations",
            OPS,
            ("List API keys", "Those of the asking key's mode, newest first, and never a secret."),
            &[(200, ReplyBody::Page("ApiKey"), "A page of keys.")],
        )
    },
    Endpoint {
        key: Key::None,
        refusals: &[
            Code::ClientNotFound,
            Code::TenantIsArchived,
            Code::TooManyApiKeys,
            Code::ChangedMeanwhile,
            Code::CommitOutcomeUnknown,
        ],
        ..ask(
            "/v1/ops/api_keys",
            "create_api_key",
            "Operations",
            OPS,
            (
                "Make an API key",
                "Of the asking key's mode, with scopes that the asking key has itself. The secret is in \
                 this answer and nowhere else, so an `Idempotency-Key` is ignored: nothing is stored that \
                 could be answered again. Asked twice it makes two; if the answer was lost, look for the \
                 key in the list and revoke it. At most 100 keys that are not revoked.",
            ),
            "NewApiKey",
            &[(201, ReplyBody::Once("ShownApiKey"), "The key, with its secret.")],
        )
    },
    Endpoint {
        key: Key::None,
        body: None,
        refusals: &[Code::ApiKeyNotFound, Code::LastOpsKey, Code::CommitOutcomeUnknown],
        ..ask(
            "/v1/ops/api_keys/{id}/revoke",
            "revoke_api_key",
            "Operations",
            OPS,
            (
                "Revoke an API key",
                "Once and for all, as often as it is asked. The server that answers refuses the key at once, \
                 others within seconds. The last key of its mode with the scope `ops` stays.",
            ),
            "",
            &[(200, ReplyBody::One("ApiKey"), "The key, revoked.")],
        )
    },
    Endpoint {
        query: Some("ListQuery"),
        ..look(
            "/v1/ops/breakers",
            "list_breakers",
            "Operations",
            OPS,
            (
                "List circuit breakers",
                "The way to each of the tenant's accounts at providers, as the process that answers knows it. \
                 Each process that calls providers has its own; one that only serves the API calls none, and \
                 lists none: there, look at `surehold_breaker_state`.",
            ),
            &[(200, ReplyBody::Page("Breaker"), "A page of those of the asking key's mode.")],
        )
    },
    look(
        "/health/live",
        "get_liveness",
        "Operations",
        &[],
        ("Is it alive?", "The process runs and answers."),
        &[(200, ReplyBody::Text("text/plain"), "It does.")],
    ),
    Endpoint {
        refusals: &[Code::StorageUnavailable],
        ..look(
            "/health/ready",
            "get_readiness",
            "Operations",
            &[],
            ("Is it ready?", "The database answers too."),
            &[(200, ReplyBody::Text("text/plain"), "It does.")],
        )
    },
    look(
        "/metrics",
        "get_metrics",
        "Operations",
        &[],
        ("Get the numbers", "In the text format of Prometheus."),
        &[(200, ReplyBody::Text("text/plain"), "The numbers.")],
    ),
];
