//! No conversation belongs to two panes, and the order in which panes are looked at means nothing.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::handlers::{Candidate, Claimant, Verdict, settle};
use crate::model::Confidence;

fn candidate(id: &str, confidence: Confidence, distance: u64) -> Candidate {
    Candidate { id: id.to_owned(), confidence, evidence: "a test".to_owned(), distance, directory: None }
}

fn claimant(pid: u32, candidates: Vec<Candidate>) -> Claimant {
    Claimant { tool: "claude".to_owned(), since: (1000 + i64::from(pid), pid), candidates }
}

/// The id that each claimant gets.
fn ids(claimants: &[Claimant]) -> Vec<Option<String>> {
    let id = |(claimant, verdict): (&Claimant, Verdict)| match verdict {
        Verdict::Given(position) => Some(claimant.candidates[position].id.clone()),
        _ => None,
    };
    claimants.iter().zip(settle(claimants)).map(id).collect()
}

fn some(ids: &[&str]) -> Vec<Option<String>> {
    ids.iter().map(|id| (!id.is_empty()).then(|| (*id).to_owned())).collect()
}

use Confidence::{Exact, Guess, Strong};

#[test]
fn exact_ones_are_served_first() {
    let guess = claimant(1, vec![candidate("a", Guess, 0), candidate("b", Guess, 1)]);
    let exact = claimant(2, vec![candidate("a", Exact, 0)]);
    assert_eq!(ids(&[guess, exact]), some(&["b", "a"]));
}

#[test]
fn two_in_one_directory_get_the_ones_that_began_with_them() {
    let both = |pid, near: u64, far: u64| {
        claimant(pid, vec![candidate("new", Strong, near), candidate("old", Strong, far)])
    };
    assert_eq!(ids(&[both(1, 60_000, 1_500), both(2, 2_000, 58_000)]), some(&["old", "new"]));
}

#[test]
fn one_that_surely_shares_a_conversation_gets_no_other() {
    let first = claimant(1, vec![candidate("a", Exact, 0)]);
    let second = claimant(2, vec![candidate("a", Exact, 0), candidate("b", Guess, 0)]);
    assert_eq!(ids(&[second.clone(), first.clone()]), some(&["", "a"]));
    assert_eq!(settle(&[first, second])[1], Verdict::Taken { by: 0, candidate: 0 });
}

#[test]
fn of_exact_sources_the_first_counts() {
    let one = claimant(1, vec![candidate("registry", Exact, 5), candidate("option", Exact, 0)]);
    assert_eq!(ids(&[one]), some(&["registry"]));
}

#[test]
fn ids_of_different_programs_are_different() {
    let other = Claimant { tool: "codex".to_owned(), ..claimant(2, vec![candidate("a", Exact, 0)]) };
    assert_eq!(ids(&[claimant(1, vec![candidate("a", Exact, 0)]), other]), some(&["a", "a"]));
}

fn claimants() -> impl Strategy<Value = Vec<Claimant>> {
    let one = (select(vec!["a", "b", "c", "d"]), select(Confidence::ALL.to_vec()), 0..4_u64)
        .prop_map(|(id, confidence, distance)| candidate(id, confidence, distance));
    let tool = select(vec!["claude", "codex"]);
    vec((tool, 0..3_i64, vec(one, 0..4)), 0..6).prop_map(|all| {
        let numbered = all.into_iter().zip(1_u32..);
        let claimant = |((tool, since, candidates), pid): ((&str, i64, Vec<Candidate>), u32)| Claimant {
            tool: tool.to_owned(),
            since: (since, pid),
            candidates,
        };
        numbered.map(claimant).collect()
    })
}

proptest! {
    #[test]
    fn nothing_is_given_twice(claimants in claimants()) {
        let mut given: Vec<(String, String)> = claimants
            .iter()
            .zip(ids(&claimants))
            .filter_map(|(claimant, id)| Some((claimant.tool.clone(), id?)))
            .collect();
        let all = given.len();
        given.sort();
        given.dedup();
        prop_assert_eq!(given.len(), all);
    }

    #[test]
    fn the_order_means_nothing(claimants in claimants(), seed in any::<u64>()) {
        let mut order: Vec<usize> = (0..claimants.len()).collect();
        order.sort_by_key(|position| (*position as u64).wrapping_mul(seed | 1).rotate_left(13));
        let shuffled: Vec<Claimant> = order.iter().map(|&position| claimants[position].clone()).collect();
        let (straight, other) = (ids(&claimants), ids(&shuffled));
        for (place, &position) in order.iter().enumerate() {
            prop_assert_eq!(&other[place], &straight[position]);
        }
    }

    #[test]
    fn who_gets_something_gets_nothing_less_sure_than_it_knows(claimants in claimants()) {
        for (claimant, verdict) in claimants.iter().zip(settle(&claimants)) {
            if let Verdict::Given(position) = verdict {
                let surest = claimant.candidates.iter().map(|candidate| candidate.confidence).max();
                prop_assert_eq!(Some(claimant.candidates[position].confidence), surest);
            }
        }
    }
}
