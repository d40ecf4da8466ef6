use super::*;
use crate::{form::decode, stripe::version};

const CREATE: &str = "POST /v1/payment_intents";
const SALE: &str = "amount=500&currency=eur";

fn checked(endpoint: &str, text: &str) -> Result<Parameters, StripeRefusal> {
    check(endpoint, version::DEFAULT, decode(text.as_bytes()).unwrap())
}

/// `code param message` of a refusal, with `-` for a missing part.
fn refused(endpoint: &str, text: &str) -> String {
    let refusal = checked(endpoint, text).expect_err(text);
    assert_eq!((refusal.status, &*refusal.kind), (400, "invalid_request_error"), "{text}");
    let code = refusal.code.as_deref().unwrap_or("-");
    format!("{code} {} {}", refusal.param.as_deref().unwrap_or("-"), refusal.message)
}

#[test]
fn declared_parameters_are_accepted() {
    let full = "amount=500&currency=eur&capture_method=manual&confirm=true&description=a%20b&error_on_requires_action=false\
         &allowed_payment_method_types[]=card&metadata[a]=1&metadata[b]=&off_session=one_off&payment_method=pm_1\
         &payment_method_options[card][request_three_d_secure]=automatic&radar_options[session]=rse_1\
         &receipt_email=a@example.com&shipping[name]=Ana&shipping[address][city]=Porto&expand[0]=latest_charge";
    let mut parameters = checked(CREATE, full).unwrap();
    assert_eq!(parameters.integer("amount"), Some(500));
    assert_eq!(parameters.boolean("confirm"), Some(true));
    assert_eq!(parameters.text("off_session").as_deref(), Some("one_off"));
    assert_eq!(parameters.list("allowed_payment_method_types"), Some(vec!["card".to_owned()]));
    let mut shipping = parameters.hash("shipping").unwrap();
    assert_eq!(shipping.hash("address").unwrap().text("city").as_deref(), Some("Porto"));
    let mut both = checked(CREATE, &format!("{SALE}&off_session=true")).unwrap();
    assert_eq!(both.boolean("off_session"), Some(true));
    let mut update = checked("POST /v1/payment_intents/{id}", "receipt_email=&metadata=").unwrap();
    let mut email = Some("a@example.com".to_owned());
    update.change("receipt_email", &mut email);
    assert_eq!(email, None);
    let mut list =
        checked("GET /v1/events", "created=5&types[1]=b&types[0]=a&delivery_success=false").unwrap();
    assert_eq!(list.integer("created"), Some(5));
    assert_eq!(list.list("types"), Some(vec!["a".to_owned(), "b".to_owned()]));
    let mut range = checked("GET /v1/events", "created[gte]=5").unwrap();
    assert_eq!(range.hash("created").unwrap().integer("gte"), Some(5));
}

#[test]
fn invalid_parameters_are_refused_with_stripes_messages() {
    let check = |extra: &str, expected: &str| {
        assert_eq!(refused(CREATE, &format!("{SALE}&{extra}")), expected);
    };
    check("odd=1", "parameter_unknown odd Received unknown parameter: odd");
    check("odd=1&even=2", "parameter_unknown odd Received unknown parameters: odd, even");
    check(
        "shipping[name]=a&shipping[address][odd]=1",
        "parameter_unknown shipping[address][odd] Received unknown parameter: shipping[address][odd]",
    );
    check("metadata[a]]=1", "parameter_unknown metadata[a]] Received unknown parameter: metadata[a]]");
    check("confirm=yes", "- confirm Invalid boolean: yes");
    check("confirm[a]=true", r#"- confirm Invalid boolean: {"a":"true"}"#);
    check("amount=5.0", "parameter_invalid_integer amount Invalid integer: 5.0");
    check("amount=%2B5", "parameter_invalid_integer amount Invalid integer: +5");
    check(
        "amount=99999999999999999999",
        "parameter_invalid_integer amount Invalid integer: 99999999999999999999",
    );
    check("description[a]=1", "- description Invalid string: {\"a\":\"1\"}");
    check("allowed_payment_method_types=card", "- allowed_payment_method_types Invalid array");
    check("allowed_payment_method_types[a]=card", "- allowed_payment_method_types Invalid array");
    check("shipping=Porto", "- shipping Invalid object");
    check("metadata=a", "- metadata Invalid object");
    check("metadata[]=a", "- metadata Invalid object");
    check("metadata[a]=1&metadata[]=2", "- metadata Invalid object");
    check("shipping[]=Porto", "- shipping Invalid object");
    check("metadata[a][b]=1", r#"- metadata[a] Invalid string: {"b":"1"}"#);
    check(
        "capture_method=later",
        "- capture_method Invalid capture_method: must be one of automatic, automatic_async, or manual",
    );
    check(
        "automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=no",
        "- automatic_payment_methods[allow_redirects] Invalid automatic_payment_methods[allow_redirects]: must be one of always or never",
    );
    check(
        "shipping[name]=a",
        "parameter_missing shipping[address] Missing required param: shipping[address].",
    );
    check("mandate=man_1", "- mandate `mandate` is not modelled by this stand-in.");
    let klarna = "payment_method_options[klarna]";
    check(&format!("{klarna}[a]=1"), &format!("- {klarna} `{klarna}` is not modelled by this stand-in."));
    check("off_session=perhaps", "- off_session Invalid off_session: must be one of one_off or recurring");
    let list = "GET /v1/events";
    assert_eq!(refused(list, "created=now"), "parameter_invalid_integer created Invalid integer: now");
    assert_eq!(
        refused(list, "created[gt]=now"),
        "parameter_invalid_integer created[gt] Invalid integer: now"
    );
    assert_eq!(refused(CREATE, "amount=1"), "parameter_missing currency Missing required param: currency.");
}

#[test]
fn an_empty_value_unsets_or_is_refused() {
    let found = refused(CREATE, "amount=&currency=eur");
    assert!(
        found.starts_with("parameter_invalid_empty amount You passed an empty string for 'amount'."),
        "{found}"
    );
    let found = refused("GET /v1/events", "types[]=");
    assert!(found.starts_with("parameter_invalid_empty types[0] "), "{found}");
    assert!(checked("POST /v1/payment_intents/{id}", "shipping=&setup_future_usage=").is_ok());
}

#[test]
fn a_removed_parameter_is_refused_from_its_version_on() {
    let endpoints = [CREATE, "POST /v1/payment_intents/{id}", "POST /v1/payment_intents/{id}/confirm"];
    let check = |version: &str, expected: Option<&str>| {
        for endpoint in endpoints {
            let sale = if endpoint == CREATE { SALE } else { "expand[]=x" };
            let text = format!("{sale}&payment_method_types[]=card");
            let version = Version::read(Some(version)).unwrap();
            let refusal = super::check(endpoint, version, decode(text.as_bytes()).unwrap()).err();
            assert_eq!(refusal.as_ref().and_then(|refusal| refusal.code.as_deref()), expected, "{endpoint}");
        }
    };
    check("2024-06-20", None);
    check("2026-07-29.dahlia", None);
    check("2026-08-26.dahlia", None);
    check("2026-09-30.endive", Some("payment_method_types_no_longer_supported"));
    check("2026-10-28.endive", Some("payment_method_types_no_longer_supported"));
    let found = refused("POST /v1/refunds", "payment_method_types[]=card");
    assert!(found.starts_with("parameter_unknown "), "refunds never had this parameter: {found}");
}

#[test]
fn metadata_keeps_stripes_limits() {
    let pairs = |count: usize| (0..count).map(|n| format!("metadata[k{n}]=v")).collect::<Vec<_>>().join("&");
    let check = |text: String, allowed: bool| {
        assert_eq!(checked(CREATE, &format!("{SALE}&{text}")).is_ok(), allowed, "{text}");
    };
    check(pairs(50), true);
    check(pairs(51), false);
    check(format!("metadata[{}]=v", "k".repeat(40)), true);
    check(format!("metadata[{}]=v", "k".repeat(41)), false);
    check(format!("metadata[k]={}", "v".repeat(500)), true);
    check(format!("metadata[k]={}", "v".repeat(501)), false);
    check(format!("description={}", "d".repeat(5_001)), false);
}
