//! The flows of the simulation whose calls go out together: writes with an answer of their own each, one that nothing makes harmless, one that
//! nothing can look up, reads, and what was there before several writes in one call.

/// At most so many go together, so that there are often more.
pub(super) const TOGETHER: &str = r#"
type "tagged" { field "id" string; field "label" string; field "by" string }
type "tagging" { field "id" string; field "label" string; field "ids" list<string> }
connector "tags" version="1" {
    base-url "http://127.0.0.1:1/tags"
    timeout connect="2s" total="10s"
    retry max=3 from="100ms" to="5s" { when "status == 503" }
    operation "get" effect=read {
        request { field "id" string }
        http GET "/tags/{id}"
        response "tagged" at="=body"
        batch max=4 wait="200ms" {
            http POST "/tags/search" safe=#true { body { ids "=requests.map(r, r.id)" } }
            failed "=body.errors" as="e" index="=e.index"
            answered "=body.tags"
        }
    }
    operation "many" effect=read {
        request { field "ids" list<string> max=250 }
        http POST "/tags/list" safe=#true { body { ids "=request.ids" } }
        response list<tagged> at="=body.tags"
    }
    operation "find" effect=read {
        request { field "key" string }
        http GET "/writes" { query { key "=request.key" } }
        response list<tagged> at="=body.writes"
    }
    operation "set" effect=reversible {
        request { field "id" string; field "label" string }
        response "tagged"
        target "=request.id"
        idempotent key="=effect.key" for="24h"
        batch max=4 wait="200ms" group="=request.label" {
            http POST "/tags" { body { tags "=calls.map(c, {'id': c.request.id, 'key': c.effect.key})"; label "=group" } }
            failed "=body.errors" as="e" index="=e.index" code="=e.code" retry="e.code == 'busy'"
            answered "=body.tags"
        }
        before { call "get" id="=request.id"; batch-call "many" ids="=requests.map(r, r.id)" key="id" }
        undo { call "set" id="=request.id" label="=before.label" }
        lookup { call "find" key="=effect.key"; done when="size(found) > 0" result="=found[0]" }
    }
    operation "put" effect=irreversible {
        request { field "id" string; field "label" string }
        response "tagged"
        batch max=4 wait="200ms" {
            http POST "/puts" { body { puts "=calls.map(c, c.request)" } }
            failed "=body.errors" as="e" index="=e.index" code="=e.code" retry="e.code == 'busy'"
            answered "=body.puts"
        }
        lookup { call "find" key="=effect.key"; done when="size(found) > 0" result="=found[0]" }
    }
    operation "mark" effect=irreversible {
        request { field "id" string; field "label" string }
        http POST "/marks" { header "Idempotency-Key" "=effect.key"; body { id "=request.id" } }
        response "tagged" at="=body"
        idempotent key="=effect.key" for="24h"
        batch max=4 wait="200ms" {
            http POST "/marks/many" { body { marks "=calls.map(c, {'id': c.request.id, 'key': c.effect.key})" } }
            failed "=body.errors" as="e" index="=e.index" code="=e.code"
            answered "=body.marks"
        }
    }
}
policy "tags" owner="leads" { on "tags.set" "tags.put" "tags.mark"; limit "flood" count=100000 per=day }
flow "relabel" {
    summary "Give several products a label"
    input "tagging"
    key "=input.id"
    deadline "9h"
    each "all" in="=input.ids" as="id" max=20 max-parallel=6 on-error=skip {
        act "set" on-denied="skip" on-error=skip { call "tags.set" id="=id" label="=input.label" }
        act "mark" on-denied="skip" on-error=skip { call "tags.mark" id="=id" label="=input.label" }
        output { id "=id"; done "=steps.set.ran" }
    }
    output { count "=size(all.filter(one, one.done))" }
}
flow "tag" {
    summary "Tag several products, once each"
    input "tagging"
    key "=input.id"
    deadline "9h"
    each "all" in="=input.ids" as="id" max=20 max-parallel=6 on-error=skip {
        observe "now" { call "tags.get" id="=id" }
        act "put" on-denied="skip" on-error=skip { call "tags.put" id="=now.id" label="=input.label" }
        output { id "=id"; done "=steps.put.ran" }
    }
    output { count "=size(all.filter(one, one.done))" }
}
"#;
