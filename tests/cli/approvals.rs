//! `approvals`: what waits for whom, and deciding it, without a process that holds the store.

use crate::{RUN, with_messages};
use tradewind_connectors::twin::effects;
use tradewind_tests::stage::Stage;

pub(crate) const LEAD: &str = "lead1@northfield.example";

/// The id of what waits at a step of a run.
pub(crate) fn waiting(listed: &serde_json::Value, step: &str) -> String {
    let items = listed["approvals"].as_array().unwrap();
    let found = items.iter().find(|item| item["step"] == step).unwrap_or_else(|| panic!("nothing waits at {step}: {listed}"));
    found["id"].as_str().unwrap().to_owned()
}

/// A refund that is too large for the model alone waits, and so does a question.
fn waiting_stage() -> (Stage, String, String) {
    let stage = with_messages(&["252_1", "268_1"]);
    let _ = stage.run(RUN).exits(0).says("2 escalated and waiting for a person");
    let listed = stage.run(["approvals", "--format", "json"]).exits(0).json();
    let (refund, person) = (waiting(&listed, "refund"), waiting(&listed, "person"));
    (stage, refund, person)
}

fn refunds(stage: &Stage) -> usize {
    let done = effects(&stage.path(".tradewind/twin.jsonl")).unwrap();
    done.iter().filter(|effect| effect.operation == "payments.refund.create").count()
}

#[test]
fn what_waits_is_listed_with_everything_that_is_needed_to_decide() {
    let (stage, refund, person) = waiting_stage();
    let listed = stage.run(["approvals"]).exits(0).says("2 waiting");
    for text in [
        &refund,
        &person,
        "because of refunds.large; asks support-leads, until ",
        ", then deny",
        "payments.refund.create {\"order_id\":\"US-2017-167318\",\"amount\":\"1649.95 USD\",\"reason\":\"full\"}",
        "What is this message about order CA-2014-162992",
        "sure.codes = [\"unsure-",
        "wants an answer of type person_verdict",
    ] {
        assert!(listed.out.contains(text), "`{text}` is missing\n{listed}");
    }
}

#[test]
fn an_approved_refund_is_made_once() {
    let (stage, refund, _) = waiting_stage();
    assert_eq!(refunds(&stage), 0);
    let _ = stage
        .run(["approvals", "approve", &refund[..6], "--by", LEAD])
        .exits(0)
        .says(&format!("decided {refund}"))
        .says("refund done: payments.refund.create");
    assert_eq!(refunds(&stage), 1);
    let _ = stage.run(["approvals", "approve", &refund, "--by", LEAD]).exits(64).says("TW0531");
    let _ = stage.run(RUN).exits(0).says("payments.refund.create                1 done  1649.95 USD");
    assert_eq!(refunds(&stage), 1);
}

#[test]
fn a_denied_refund_is_not_made_and_the_customer_is_answered() {
    let (stage, refund, _) = waiting_stage();
    let _ = stage.run(["approvals", "deny", &refund, "--by", LEAD, "--reason", "sold as seen"]).exits(0);
    assert_eq!(refunds(&stage), 0);
    let _ = stage.run(["runs", "show", "252_1"]).exits(0).says("sold as seen").says("completed").says("no further refund could be made");
    let _ = stage.run(RUN).exits(0).says("denied by refunds.large: 1");
}

#[test]
fn an_answer_goes_on_with_what_the_person_said() {
    let (stage, _, person) = waiting_stage();
    let answer = |fields: &[&str]| stage.run([&["approvals", "answer", &person, "--by", LEAD], fields].concat());
    let _ = answer(&["kind=angry"]).exits(5).says("TW0507").says("`complaint`, `neutral`, `praise`").says("severity");
    let _ = answer(&["kind"]).exits(64).says("TW0550");
    let _ = answer(&["kind=complaint", "severity=mild", "colour=red"]).exits(5).says("colour");
    let _ = stage.run(["memory", "corrections"]).exits(0).says("0 corrections; nothing is learnt from them by itself");
    let _ = answer(&["kind=complaint", "severity=mild"]).exits(0);
    let _ = stage.run(["runs", "show", "268_1"]).exits(0).says("\"by\":\"person\"").says("completed");
    // What was said in the place of what the model thought, for whoever looks it through.
    let row = stage.run(["memory", "corrections", "--flow", "returns-triage"]).exits(0).json();
    assert_eq!((&row["step"], &row["by"], &row["proposed"]), (&"person".into(), &LEAD.into(), &serde_json::Value::Null), "{row}");
    assert_eq!((&row["corrected"]["kind"], &row["corrected"]["severity"]), (&"complaint".into(), &"mild".into()));
    let _ = stage.run(["memory", "corrections", "--flow", "another"]).exits(0).says("0 corrections");
}

#[test]
fn a_question_is_answered_as_it_was_asked_although_the_type_has_changed_since() {
    let (stage, _, person) = waiting_stage();
    let flow = "flows/returns-triage/flow.kdl";
    stage.replace(flow, "type \"person_verdict\" { field", "type \"person_verdict\" { field \"sure\" bool; field");
    stage.write("flows/returns-triage/scenarios.kdl", "");
    let _ = stage.run(["check"]).exits(0);
    let answer = |fields: &[&str]| stage.run([&["approvals", "answer", &person, "--by", LEAD], fields].concat());
    let _ = answer(&["kind=complaint", "severity=mild", "sure=true"]).exits(5).says("sure");
    let _ = answer(&["kind=complaint", "severity=mild"]).exits(0);
    let _ = stage.run(["runs", "show", "268_1"]).exits(0).says("\"by\":\"person\"").says("completed");
}

#[test]
fn only_those_who_are_asked_decide_and_only_what_is_asked() {
    let (stage, refund, person) = waiting_stage();
    let _ =
        stage.run(["approvals", "approve", &refund, "--by", "mallory@northfield.example"]).exits(5).says("TW0532").says("support-leads");
    let _ = stage.run(["approvals", "answer", &refund, "--by", LEAD, "kind=complaint"]).exits(5).says("a yes or a no");
    let _ = stage.run(["approvals", "approve", &person, "--by", LEAD]).exits(5).says("TW0532");
    let _ = stage.run(["approvals", "approve", &refund, "--by", LEAD, "--edit", "amount=1 USD"]).exits(5);
    let _ = stage.run(["approvals", "approve", "zzzz", "--by", LEAD]).exits(64).says("TW0531");
    let _ = stage.run(["approvals", "approve", &refund]).exits(64).says("--by");
    let _ = stage.run(["approvals"]).exits(0).says("2 waiting");
    assert_eq!(refunds(&stage), 0);
}

/// Two large refunds of one order wait.
fn two_for_one_order() -> (Stage, Vec<String>) {
    let stage = with_messages(&["252_1"]);
    let second = stage.message("252_1").replace("\"252_1\"", "\"252_1b\"");
    let first = stage.read("work.jsonl");
    stage.write("work.jsonl", &format!("{first}{second}"));
    let _ = stage.run(RUN).exits(0).says("2 escalated and waiting for a person");
    let listed = stage.run(["approvals", "--format", "json"]).exits(0).json();
    let ids = listed["approvals"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    (stage, ids)
}

#[test]
fn an_approval_that_pays_nobody_says_so() {
    let (stage, ids) = two_for_one_order();
    let approve = |id: &str, more: &[&str]| stage.run([&["approvals", "approve", id, "--by", LEAD], more].concat());
    let done = approve(&ids[0], &["--format", "json"]).exits(0).json();
    assert_eq!((&done["became"]["status"], &done["operation"]), (&"done".into(), &"payments.refund.create".into()));
    let _ = stage.run(["approvals"]).exits(0).says("would be denied: unique: `payments.refund.create` was already done");
    let _ = approve(&ids[1], &[]).exits(5).says("refund denied by unique: ").says("already done");
    assert_eq!(refunds(&stage), 1);
}

#[test]
fn who_says_no_is_told_so_and_that_is_fine() {
    let (stage, refund, _) = waiting_stage();
    let _ = stage.run(["approvals", "deny", &refund, "--by", LEAD]).exits(0).says("refund denied by refunds.large: lead1@");
}

#[test]
fn more_than_one_who_must_agree_are_counted() {
    let stage = with_messages(&["252_1"]);
    stage.replace(
        "policies/refunds.kdl",
        "to=\"support-leads\" within=\"8h\" on-timeout=deny\n    escalate \"loss\"",
        "to=\"support-leads\" within=\"8h\" on-timeout=deny quorum=2\n    escalate \"loss\"",
    );
    let _ = stage.run(RUN).exits(0);
    let refund = waiting(&stage.run(["approvals", "--format", "json"]).exits(0).json(), "refund");
    let _ = stage.run(["approvals", "approve", &refund, "--by", LEAD]).exits(0).says("refund still waits: 1 of 2 agreed");
    assert_eq!(refunds(&stage), 0);
}

#[test]
fn an_edit_that_can_only_be_denied_is_refused_and_the_item_still_waits() {
    let stage = with_messages(&["252_1"]);
    stage.replace(
        "flows/returns-triage/flow.kdl",
        "evidence order=\"=order\"",
        "stage to=\"support-leads\" within=\"8h\" on-timeout=deny { editable \"amount\" }\n        evidence order=\"=order\"",
    );
    let _ = stage.run(RUN).exits(0);
    let refund = waiting(&stage.run(["approvals", "--format", "json"]).exits(0).json(), "refund");
    let edit = |amount: &str| stage.run(["approvals", "approve", &refund, "--by", LEAD, "--edit", &format!("amount={amount}")]);
    let _ = edit("-60 USD").exits(5).says("TW0532").says("denied by money").says("less than nothing");
    let _ = edit("999999 USD").exits(5).says("denied by refunds.over-order");
    let _ = stage.run(["approvals"]).exits(0).says("1 waiting");
    let _ = stage.run(["memory", "corrections"]).exits(0).says("0 corrections");
    let _ = edit("60 USD").exits(0).says("refund done").says("60.00 USD");
    assert_eq!(refunds(&stage), 1);
    // What was changed of it stands among the corrections: what was proposed, and what came in its place, and nothing that stayed.
    let row = stage.run(["memory", "corrections", "--flow", "returns-triage"]).exits(0).json();
    assert_eq!((&row["step"], &row["by"], &row["run"].is_string()), (&"refund".into(), &LEAD.into(), &true), "{row}");
    assert_eq!(
        (&row["proposed"], &row["corrected"]),
        (&serde_json::json!({ "amount": "1649.95 USD" }), &serde_json::json!({ "amount": "60.00 USD" })),
        "{row}"
    );
}

#[test]
fn a_decision_after_its_deadline_is_told_so() {
    let stage = with_messages(&["252_1"]);
    stage.replace(
        "policies/refunds.kdl",
        "evidence.by == 'model'\" to=\"support-leads\" within=\"8h\"",
        "evidence.by == 'model'\" to=\"support-leads\" within=\"1s\"",
    );
    let listed = {
        let _ = stage.run(RUN).exits(0);
        stage.run(["approvals", "--format", "json"]).exits(0).json()
    };
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    if listed["approvals"].as_array().unwrap().is_empty() {
        // A slow machine: the clock ran out before anybody looked.
        return;
    }
    let refund = waiting(&listed, "refund");
    let _ = stage.run(["approvals"]).exits(0).says("overdue: its time ran out at ");
    let _ = stage.run(["approvals", "approve", &refund, "--by", LEAD]).exits(5).says("TW0532").says("its time ran out at ");
    assert_eq!(refunds(&stage), 0);
}

#[test]
fn looking_answering_and_denying_go_on_while_the_configuration_has_mistakes() {
    let (stage, refund, person) = waiting_stage();
    stage.replace("policies/refunds.kdl", " on-timeout=deny", "");
    let warns = |arguments: &[&str]| stage.run(arguments).exits(0).says("warning[TW0509]: the repository has mistakes");
    let _ = warns(&["runs"]).says("252_1");
    let _ = warns(&["runs", "show", "252_1"]).says("asked");
    let _ = warns(&["log", "verify"]).says("the chain holds");
    let _ = warns(&["approvals"]).says("2 waiting");
    let _ = stage.run(["approvals", "approve", &refund, "--by", LEAD]).exits(3).says("TW0509").says("TW0126");
    let _ = stage.run(RUN).exits(3).says("TW0126");
    let _ = warns(&["approvals", "deny", &refund, "--by", LEAD]).says("refund denied by refunds.large");
    let _ = warns(&["approvals", "answer", &person, "--by", LEAD, "kind=praise", "severity=mild"]).says("decided");
    let _ = warns(&["approvals"]).says("0 waiting");
    assert_eq!(refunds(&stage), 0);
}
