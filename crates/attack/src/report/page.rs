//! The report as a page of its own: styles and drawings are in it, nothing is loaded, nothing runs.

use super::markup::{Escaped, Markup, grouped, plain, span};
use super::plot::{self, Pair};
use super::{Report, ScenarioReport};
use crate::findings::{Always, ScenarioVerdict};
use crate::operation_request::ReplyKind;
use crate::timeline::RecordedRetry;
use check::INVARIANTS;

const STYLE: &str = include_str!("page.css");
/// Retries shown of a transcript; all of it is in report.json.
const RETRIES_SHOWN: usize = 60;
/// Faults that are written out.
const FAULTS_SHOWN: usize = 200;

/// All of it.
pub(super) fn page(report: &Report) -> String {
    let mut out = Markup::default();
    out.put(format_args!(
        "<!doctype html><html lang=en><head><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\
         <title>Surehold attack: {}</title><style>{STYLE}</style></head><body><main>",
        Escaped(report.verdict.words())
    ));
    head(&mut out, report);
    overview(&mut out, report);
    table(&mut out, report);
    out.put(format_args!("<h2>Scenario by scenario</h2>"));
    for outcome in report.scenarios.iter().filter(|outcome| outcome.verdict != ScenarioVerdict::NotApplicable)
    {
        scenario(&mut out, outcome);
    }
    foot(&mut out, report);
    out.put(format_args!("</main></body></html>\n"));
    out.0
}

fn head(out: &mut Markup, report: &Report) {
    let Report { run, deployment, verdict, totals, .. } = report;
    let words = format!("{} {}", outcome_in_words(report), report.coverage());
    out.put(format_args!(
        "<h1>surehold attack &middot; {}</h1><div class=\"verdict {}\"><strong>{}</strong><p>{}</p></div>",
        Escaped(&deployment.words),
        verdict.name(),
        verdict.title(),
        Escaped(words.trim())
    ));
    let wrong = if totals.effects == totals.operations { "" } else { " class=wrong" };
    let twice = if totals.duplicates == 0 { "" } else { " class=wrong" };
    out.put(format_args!(
        "<div class=big><div><b>{}</b><span>operations accepted, that move money</span></div>\
         <div{wrong}><b>{}</b><span>of them with their effect in the books</span></div>\
         <div{twice}><b>{}</b><span>effects beyond the first</span></div>\
         <div><b>{}</b><span>requests said</span></div><div><b>{}</b><span>faults put in</span></div>\
         <div><b>{} of {}</b><span>scenarios ran, in {}</span></div></div>",
        grouped(totals.operations),
        grouped(totals.effects),
        grouped(totals.duplicates),
        grouped(totals.requests),
        grouped(totals.faults),
        report.ran(),
        report.scenarios.len(),
        span(run.took_ms)
    ));
    let judged = if deployment.books {
        "the provider's own books, the ledger, the figures, the clients' journals written before sending"
    } else {
        "the clients' journals, and what the deployment shows of itself; the provider's books were not given"
    };
    out.put(format_args!(
        "<dl><dt>judged by</dt><dd>{judged}</dd><dt>asked for</dt><dd>{} operations a scenario; each takes what \
         it can use, and the table says how many were accepted</dd><dt>started</dt><dd>{}, surehold {}</dd>\
         <dt>seed</dt><dd class=mono>{}</dd><dt>again</dt><dd class=mono>{}</dd></dl>",
        grouped(run.operations as u64),
        Escaped(&run.started_at),
        Escaped(run.version),
        run.seed,
        Escaped(&run.again)
    ));
}

fn outcome_in_words(report: &Report) -> &'static str {
    match report.verdict {
        ScenarioVerdict::Held => {
            "Every invariant held in each scenario that ran, and every state worth testing was reached."
        }
        ScenarioVerdict::Broken => "An invariant was broken: see the scenarios marked below.",
        ScenarioVerdict::NotReached => {
            "No invariant was broken, but a run did not get where it wanted to, so it proves too little."
        }
        ScenarioVerdict::Failed => "A scenario could not be carried out.",
        ScenarioVerdict::NotApplicable => "No scenario was possible here.",
    }
}

fn legend(out: &mut Markup, names: &[&str]) {
    out.put(format_args!("<div class=legend>"));
    for name in names {
        let words = match *name {
            "drawn" => "drawn at random".to_owned(),
            "asked" => "as long as the server asked for".to_owned(),
            "kill" => "kill -9".to_owned(),
            "stall" => "stalled".to_owned(),
            "start" => "started again".to_owned(),
            name => plain(name),
        };
        out.put(format_args!("<span><i class={name}></i>{words}</span>"));
    }
    out.put(format_args!("</div>"));
}

/// The four drawings over all scenarios.
fn overview(out: &mut Markup, report: &Report) {
    let ran: Vec<&ScenarioReport> =
        report.scenarios.iter().filter(|outcome| outcome.requests() > 0).collect();
    if ran.is_empty() {
        return;
    }
    let money: Vec<&&ScenarioReport> = ran.iter().filter(|outcome| outcome.operations > 0).collect();
    out.put(format_args!("<h2>At a glance</h2><div class=grid2>"));
    let row = |outcome: &&&'_ ScenarioReport| {
        let ScenarioReport { name, operations, effects, duplicates, .. } = **outcome;
        Pair { name, operations: *operations, effects: *effects, duplicates: *duplicates }
    };
    let rows: Vec<Pair<'_>> = money.iter().map(row).collect();
    out.put(format_args!(
        "<section class=card><h3>Effects against operations</h3><p>Operations that clients were told are done, and \
         the effects that the provider's books show for them. Two bars of one length are right.</p>"
    ));
    legend(out, &["operations", "effects"]);
    out.put(format_args!("{}</section>", plot::pairs(&rows)));

    let names = ReplyKind::ALL.map(ReplyKind::name);
    let counts = |outcome: &&ScenarioReport| {
        let of = |name| outcome.heard.get(name).copied().unwrap_or(0);
        (outcome.name, names.map(of).to_vec())
    };
    let rows: Vec<(&str, Vec<u64>)> = ran.iter().map(counts).collect();
    out.put(format_args!(
        "<section class=card><h3>What clients heard</h3><p>Each request by its answer. <em>New</em> did the work, \
         <em>replay</em> is the stored reply, <em>in flight</em> is a 409 to come back later, <em>mismatch</em> a 422 \
         for a changed body.</p>"
    ));
    legend(out, &names);
    out.put(format_args!("{}</section>", plot::shares(&rows, &names)));

    let retries: Vec<RecordedRetry> =
        ran.iter().flat_map(|outcome| outcome.retries.iter().cloned()).collect();
    out.put(format_args!(
        "<section class=card><h3>Retry delays</h3><p>How long clients waited before they said a request again, {} times \
         in all. What they draw is spread out, so that they do not come back as one crowd; what the server asks for, \
         the SDK keeps to.</p>",
        grouped(retries.len() as u64)
    ));
    legend(out, &["drawn", "asked"]);
    out.put(format_args!("{}</section>", plot::histogram(&retries)));

    let deepest =
        ran.iter().max_by_key(|outcome| outcome.lag.iter().map(|lag| lag.pending).max().unwrap_or(0));
    if let Some(outcome) = deepest.filter(|outcome| !outcome.lag.is_empty()) {
        out.put(format_args!(
            "<section class=card><h3>Outbox lag</h3><p>Messages that wait to be relayed, in the scenario where most \
             waited: {}. What lasted a while is shaded.</p>{}</section>",
            Escaped(outcome.name),
            plot::lag(&outcome.lag, &outcome.faults, outcome.took_ms)
        ));
    }
    out.put(format_args!("</div>"));
}

fn table(out: &mut Markup, report: &Report) {
    out.put(format_args!(
        "<h2>Scenarios</h2><div class=\"card scroll\"><table><tr><th class=n>#<th>scenario<th>verdict\
         <th class=n>operations<th class=n>effects<th class=n>twice<th class=n>requests<th class=n>faults\
         <th class=n>invariants<th class=n>states<th class=n>time</tr>"
    ));
    for outcome in &report.scenarios {
        let ScenarioReport { number, name, verdict, operations, effects, duplicates, .. } = outcome;
        let chip = format!("<span class=\"chip {}\">{}</span>", verdict.name(), verdict.words());
        let name = Escaped(name);
        if *verdict == ScenarioVerdict::NotApplicable {
            let why = Escaped(outcome.why.as_deref().unwrap_or_default());
            out.put(format_args!(
                "<tr><td class=n>{number}<td>{name}<td colspan=9>{chip} <span class=soft>{why}</span></tr>"
            ));
            continue;
        }
        let held = outcome.always.iter().filter(|always| always.holds).count();
        let reached = outcome.sometimes.iter().filter(|one| !one.is_missing()).count();
        out.put(format_args!(
            "<tr><td class=n>{number}<td><a href=\"#{name}\">{name}</a><td>{chip}<td class=n>{}<td class=n>{}<td \
             class=n>{}<td class=n>{}<td class=n>{}<td class=n>{held}/{}<td class=n>{reached}/{}<td class=n>{}</tr>",
            grouped(*operations),
            grouped(*effects),
            grouped(*duplicates),
            grouped(outcome.requests()),
            outcome.faults.len(),
            outcome.always.len(),
            outcome.sometimes.len(),
            span(outcome.took_ms)
        ));
    }
    out.put(format_args!("</table></div>"));
}

fn scenario(out: &mut Markup, outcome: &ScenarioReport) {
    let ScenarioReport { number, name, promise, verdict, .. } = outcome;
    let (name, promise) = (Escaped(name), Escaped(promise));
    out.put(format_args!(
        "<section class=\"card scenario\" id=\"{name}\"><header><h3>{number}. {name}</h3><span class=\"chip {}\">{}\
         </span><span class=soft>{}</span></header><p class=promise>{promise}</p>",
        verdict.name(),
        verdict.words(),
        span(outcome.took_ms)
    ));
    let complaints = outcome.complaints();
    if !complaints.is_empty() {
        for complaint in complaints {
            out.put(format_args!("<pre>{}</pre>", Escaped(complaint)));
        }
    }
    out.put(format_args!("<div class=grid2><div class=scroll>"));
    always(out, outcome);
    out.put(format_args!("</div><div class=scroll>"));
    sometimes(out, outcome);
    out.put(format_args!("</div></div>"));
    notes(out, outcome);
    drawings(out, outcome);
    if let Some(kept) = &outcome.kept {
        out.put(format_args!("<p>Its files were kept: <code>{}</code></p>", Escaped(kept.display())));
    }
    out.put(format_args!("</section>"));
}

/// Its own, then what every scenario is asked; the promises of `surehold check` in one line, if they held.
fn always(out: &mut Markup, outcome: &ScenarioReport) {
    let (promises, others): (Vec<&Always>, Vec<&Always>) =
        outcome.always.iter().partition(|always| INVARIANTS.contains(&always.name));
    out.put(format_args!("<table><tr><th>always<th class=n>looked at<th class=n>broken</tr>"));
    for always in others {
        invariant(out, always);
    }
    out.put(format_args!("</table>"));
    if promises.is_empty() {
        return;
    }
    let held = promises.iter().filter(|promise| promise.holds).count();
    let open = if held == promises.len() { "" } else { " open" };
    out.put(format_args!(
        "<details{open}><summary>promises of <code>surehold check</code>: {held} of {} held</summary><table>",
        promises.len()
    ));
    for promise in promises {
        invariant(out, promise);
    }
    out.put(format_args!("</table></details>"));
}

fn invariant(out: &mut Markup, always: &Always) {
    let class = if !always.holds {
        " class=bad"
    } else if always.checked == 0 && always.excused.is_none() {
        " class=wait"
    } else {
        ""
    };
    let why = not_here(always.excused.as_deref().filter(|_| always.checked == 0));
    out.put(format_args!(
        "<tr{class}><td>{}{why}<td class=n>{}<td class=n>{}</tr>",
        Escaped(plain(always.name)),
        grouped(always.checked),
        grouped(always.broken)
    ));
}

/// Why something was not looked at, as a part of its row.
fn not_here(why: Option<&str>) -> String {
    why.map(|why| format!("<br><small>not here: {}</small>", Escaped(why))).unwrap_or_default()
}

fn sometimes(out: &mut Markup, outcome: &ScenarioReport) {
    if outcome.sometimes.is_empty() {
        return;
    }
    out.put(format_args!("<table><tr><th>sometimes<th class=n>reached</tr>"));
    for one in &outcome.sometimes {
        let class = if one.is_missing() { " class=wait" } else { "" };
        let why = not_here(one.excused.as_deref().filter(|_| one.reached == 0));
        out.put(format_args!(
            "<tr{class}><td>{}{why}<td class=n>{}</tr>",
            Escaped(plain(one.name)),
            grouped(one.reached)
        ));
    }
    out.put(format_args!("</table>"));
}

fn notes(out: &mut Markup, outcome: &ScenarioReport) {
    if !outcome.notes.is_empty() {
        out.put(format_args!("<ul>"));
        for note in &outcome.notes {
            out.put(format_args!("<li>{}</li>", Escaped(note)));
        }
        out.put(format_args!("</ul>"));
    }
    out.put(format_args!("<details><summary>figures</summary><dl>"));
    for (name, value) in &outcome.figures {
        out.put(format_args!("<dt>{}</dt><dd class=mono>{value}</dd>", Escaped(name)));
    }
    out.put(format_args!("</dl></details>"));
    let offenders: Vec<&String> = outcome.always.iter().flat_map(|always| &always.offenders).collect();
    if !offenders.is_empty() {
        out.put(format_args!("<details><summary>what was seen</summary><ul>"));
        for offender in offenders {
            out.put(format_args!("<li class=mono>{}</li>", Escaped(offender)));
        }
        out.put(format_args!("</ul></details>"));
    }
}

fn drawings(out: &mut Markup, outcome: &ScenarioReport) {
    let ScenarioReport { faults, retries, lag, took_ms, .. } = outcome;
    out.put(format_args!("<div class=grid2>"));
    if !faults.is_empty() {
        out.put(format_args!("<div><h3>Faults</h3>"));
        legend(out, &["kill", "start", "stall", "other"]);
        out.put(format_args!("{}</div>", plot::faults(faults, *took_ms)));
    }
    if lag.iter().any(|lag| lag.pending > 0) {
        out.put(format_args!("<div><h3>Outbox lag</h3>{}</div>", plot::lag(lag, faults, *took_ms)));
    }
    if !retries.is_empty() {
        out.put(format_args!("<div><h3>Retry delays</h3>"));
        legend(out, &["drawn", "asked"]);
        out.put(format_args!("{}</div><div><h3>Retry delays by attempt</h3>", plot::histogram(retries)));
        legend(out, &["drawn", "asked"]);
        out.put(format_args!("{}</div>", plot::spread(retries)));
    }
    out.put(format_args!("</div>"));
    transcripts(out, outcome);
}

/// The retries and the faults in words, for who wants to follow them.
fn transcripts(out: &mut Markup, outcome: &ScenarioReport) {
    if !outcome.retries.is_empty() {
        out.put(format_args!(
            "<details><summary>transcript of {} of {} retries</summary><div class=scroll><table><tr><th class=n>at<th>\
             operation<th class=n>attempt<th class=n>waited<th class=n>asked to wait<th>why</tr>",
            outcome.retries.len().min(RETRIES_SHOWN),
            outcome.retries.len() as u64 + outcome.retries_left_out
        ));
        for retry in outcome.retries.iter().take(RETRIES_SHOWN) {
            let asked = retry.retry_after_ms.map(span).unwrap_or_default();
            out.put(format_args!(
                "<tr><td class=n>{}<td class=mono>{}<td class=n>{}<td class=n>{}<td class=n>{asked}<td>{}</tr>",
                span(retry.at_ms),
                Escaped(&retry.operation),
                retry.attempt,
                span(retry.delay_ms),
                Escaped(&retry.reason)
            ));
        }
        out.put(format_args!("</table></div></details>"));
    }
    if !outcome.faults.is_empty() {
        out.put(format_args!("<details><summary>faults in words</summary><div class=scroll><table>"));
        for fault in outcome.faults.iter().take(FAULTS_SHOWN) {
            let until = fault.until_ms.map(|until| format!("to {}", span(until))).unwrap_or_default();
            out.put(format_args!(
                "<tr><td class=n>{}<td class=n>{until}<td>{}<td>{}<td class=mono>{}</tr>",
                span(fault.at_ms),
                Escaped(&fault.what),
                Escaped(&fault.whom),
                Escaped(&fault.words)
            ));
        }
        out.put(format_args!("</table></div></details>"));
    }
}

fn foot(out: &mut Markup, report: &Report) {
    out.put(format_args!(
        "<p class=soft>What is guaranteed: money moves at most once per operation, every operation is resolved at least \
         once, and local effects are applied effectively once. An <em>always</em> that was never looked at and a \
         <em>sometimes</em> that was never reached fail a run. All of this, with every retry, is in \
         <code>report.json</code> (shape {}); the clients' journals are beside it.</p>",
        report.report
    ));
}
