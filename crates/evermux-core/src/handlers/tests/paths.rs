//! Patterns of paths cannot leave their folder, and find ids and processes.

use crate::handlers::{Captures, Component, Glob, Template};

fn glob(template: &str) -> Option<Glob> {
    Glob::new(&Template::of(template), |place| match place {
        "home" => Some(b"/home/u*".to_vec()),
        "cwd" => Some(b"/src/../x".to_vec()),
        _ => None,
    })
}

fn found(template: &str, path: &str) -> Option<(Option<String>, Option<u32>)> {
    let Captures { id, pid } = glob(template).unwrap().matches(path.as_bytes(), None)?;
    Some((id, pid))
}

#[test]
fn places_are_found_in_names() {
    let id = |id: &str| Some((Some(id.to_owned()), None));
    assert_eq!(found("{home}/s/{pid}.json", "/home/u*/s/12.json"), Some((None, Some(12))));
    assert_eq!(found("{home}/s/{pid}.json", "/home/ux/s/12.json"), None, "what is known is no pattern");
    assert_eq!(
        found("{home}/{id}/inuse.{pid}.lock", "/home/u*/a-b/inuse.7.lock"),
        Some((Some("a-b".into()), Some(7)))
    );
    assert_eq!(found("/s/**/r-*-{id}.jsonl", "/s/2026/11/r-2026T1-x.jsonl"), id("x"));
    assert_eq!(found("/s/**/r-{id}.jsonl", "/s/r-x.jsonl"), id("x"));
    assert_eq!(found("/s/*/r-{id}.jsonl", "/s/a/b/r-x.jsonl"), None, "a star crosses no slash");
    assert_eq!(found("/s/{id}", "/s/-x"), None, "an id is no flag");
    assert_eq!(found("/s/{id}", "/s/a b"), None);
    assert_eq!(found("/s/{pid}", "/s/+1"), None);
}

#[test]
fn an_id_pattern_decides_where_a_name_is_divided() {
    let handlers = crate::handlers::Handlers::shipped();
    let ids = handlers.get("codex").unwrap().id.as_ref();
    let name = b"/s/rollout-2026-11-30T02-16-32-0b6b3d0e-6a0c-4d58-9d1c-1f2e3d4c5b6a.jsonl";
    let captures = glob("/s/rollout-*-{id}.jsonl").unwrap().matches(name, ids).unwrap();
    assert_eq!(captures.id.as_deref(), Some("0b6b3d0e-6a0c-4d58-9d1c-1f2e3d4c5b6a"));
}

#[test]
fn nothing_leads_up_or_is_relative() {
    for template in ["{cwd}/x", "/a/../b", "a/b", "/a/./b", "{id}/x", "/**/a/**/b", "/", "/a/*b*c*d*e"] {
        assert_eq!(glob(template), None, "{template}");
    }
    assert_eq!(glob("/{missing}/x"), None);
    let plain = glob("/a//b/").unwrap();
    assert!(matches!(plain.components(), [Component::Name(_), Component::Name(_)]));
}
