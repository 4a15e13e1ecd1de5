//! Which conversation belongs to which pane: one table for all, so that no two panes get the same one.

use std::cmp::Reverse;
use std::collections::HashMap;

use bstr::BString;

use crate::model::Confidence;

/// A conversation that may be the one in a pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: String,
    /// How sure that is.
    pub confidence: Confidence,
    /// By what, in words: a fragment that reads after "by".
    pub evidence: String,
    /// How far it is from what one would expect; among equally sure ones the nearest wins.
    pub distance: u64,
    /// Where it says that it takes place.
    pub directory: Option<BString>,
}

/// A program in a pane that holds a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// Its handler: ids of different programs have nothing to do with each other.
    pub tool: String,
    /// What orders those who are equal otherwise: when it began and its process. No two have the same.
    pub since: (i64, u32),
    /// What it may be, in the order in which the sources were asked.
    pub candidates: Vec<Candidate>,
}

/// What a claimant gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This one of its candidates.
    Given(usize),
    /// Nothing: what it surely is belongs to this claimant already.
    Taken {
        /// The claimant that has it.
        by: usize,
        /// The candidate of the one that gets nothing.
        candidate: usize,
    },
    /// Nothing is known.
    Nothing,
}

/// Divides the conversations: exact claims first, then strong ones, then guesses; among equals the nearest, then the
/// older program. A claimant gets only what is as sure as the surest it has: a program that is known to hold the
/// conversation of another pane does not get a guess instead. The order of the claimants means nothing.
pub fn settle(claimants: &[Claimant]) -> Vec<Verdict> {
    let mut claims: Vec<(usize, usize)> = Vec::new();
    for (number, claimant) in claimants.iter().enumerate() {
        let surest = claimant.candidates.iter().map(|candidate| candidate.confidence).max();
        let sure = |candidate: &&Candidate| Some(candidate.confidence) == surest;
        let positions = claimant.candidates.iter().enumerate().filter(|(_, candidate)| sure(candidate));
        claims.extend(positions.map(|(position, _)| (number, position)));
    }
    claims.sort_by_key(|&(number, position)| {
        let (claimant, candidate) = (&claimants[number], &claimants[number].candidates[position]);
        let first_sources_first = if candidate.confidence == Confidence::Exact { position } else { 0 };
        (Reverse(candidate.confidence), first_sources_first, candidate.distance, claimant.since, position)
    });
    let mut verdicts = vec![Verdict::Nothing; claimants.len()];
    let mut held: HashMap<(&str, &str), usize> = HashMap::new();
    for (number, position) in claims {
        if matches!(verdicts[number], Verdict::Given(_)) {
            continue;
        }
        let claimant = &claimants[number];
        let id = (claimant.tool.as_str(), claimant.candidates[position].id.as_str());
        match held.get(&id) {
            Some(&by) => {
                if verdicts[number] == Verdict::Nothing {
                    verdicts[number] = Verdict::Taken { by, candidate: position };
                }
            }
            None => {
                held.insert(id, number);
                verdicts[number] = Verdict::Given(position);
            }
        }
    }
    verdicts
}
