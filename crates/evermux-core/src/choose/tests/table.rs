//! Each row of the design's table, and the cases between its rows.

use super::*;

const WORK: &str = "work 1 2 | play 3";

#[test]
fn crash() {
    let history = History::new().auto(WORK).still().dies();
    assert_eq!(history.back(), "work 1 2 @1 | play 3 @1");
}

#[test]
fn panes_vanish_one_after_the_other_then_the_machine_is_gone() {
    let history =
        History::new().auto(WORK).still().auto("work 1 | play 3").auto("work 1").auto("work 1").dies();
    assert_eq!(history.back(), "work 1 2 @1 | play 3 @2");
}

#[test]
fn what_lost_nothing_in_the_collapse_is_taken_at_its_newest() {
    let history = History::new().auto(WORK).still().auto("play 3 4").dies();
    assert_eq!(history.back(), "work 1 2 @1 | play 3 4 @2");
}

#[test]
fn what_was_opened_while_something_else_vanished_is_not_lost() {
    // A timer saves every quarter of an hour: in between a window was closed (or fell) and another was opened.
    let history = History::new().auto("work 1 2").after(900).auto("work 1 9 | play 3").dies();
    assert_eq!(history.back(), "work 1 2 @1 | work 9 @2 | play 3 @2");
}

#[test]
fn a_slow_collapse_that_the_keeper_knew_of() {
    let history = History::new().auto(WORK).still();
    let since = history.now();
    let history = history.auto("work 1").still().auto("work 1").ending(Ending::Collapse { since });
    assert_eq!(history.back(), "work 1 2 @1 | play 3 @1");
}

#[test]
fn a_save_by_hand_inside_a_known_collapse_proves_nothing() {
    let history = History::new().auto(WORK).still();
    let since = history.now();
    let history = history.manual("work 1").ending(Ending::Collapse { since });
    assert_eq!(history.back(), "work 1 2 @1 | play 3 @1");
}

#[test]
fn sessions_closed_over_a_minute_stay_closed() {
    let history = History::new()
        .auto("a 1 | b 2 | c 3 | d 4")
        .after(20)
        .auto("b 2 | c 3 | d 4")
        .after(20)
        .auto("c 3 | d 4")
        .after(20)
        .auto("d 4")
        .still()
        .dies();
    assert_eq!(history.back(), "d 4 @4");
}

#[test]
fn a_session_closed_just_before_the_crash_stays_owed() {
    let history = History::new().auto(WORK).still().auto("work 1 2").after(5).dies();
    assert_eq!(history.back(), "work 1 2 @2 | play 3 @1");
}

#[test]
fn a_session_closed_in_a_server_that_lives_is_closed_after_ten_seconds() {
    let history = History::new().auto(WORK).still().auto("work 1 2");
    assert_eq!(back(&history.clone().after(5).choose_live("work 1 2")), "play 3 @1");
    assert_eq!(back(&history.after(10).choose_live("work 1 2")), "");
}

#[test]
fn a_session_closed_before_a_save_by_hand_stays_closed() {
    let history = History::new().manual(WORK).manual("work 1 2").dies();
    assert_eq!(history.back(), "work 1 2 @2");
}

#[test]
fn a_session_that_goes_while_its_windows_live_on_was_closed() {
    // The second of a group, or one whose windows are linked elsewhere: dying shells cannot do that.
    let history = History::new().auto("a 1 2 | b 1 2").still().auto("a 1 2").dies();
    assert_eq!(history.back(), "a 1 2 @2");
}

#[test]
fn a_window_moved_to_another_session_is_no_loss() {
    let history = History::new().auto("a 1 2 | b 3").still().auto("a 1 | b 3 2").dies();
    assert_eq!(history.back(), "a 1 @2 | b 3 2 @2");
}

#[test]
fn exit_in_the_last_shell_closes_it_but_not_what_is_owed() {
    let history = History::new().auto("owed 1").still().server().auto("work 2").still();
    let at = history.now();
    let history = history.ending(Ending::LastSessionClosed { at });
    assert_eq!(history.back(), "owed 1 @1");
}

#[test]
fn empty_servers_in_a_row_hide_nothing() {
    let history = History::new()
        .auto(WORK)
        .still()
        .server()
        .auto("~0 11")
        .server()
        .manual("~0 12")
        .server()
        .auto("~0 13");
    assert_eq!(history.dies().back(), "work 1 2 @1 | play 3 @1");
}

#[test]
fn new_work_hides_nothing() {
    let history = History::new().auto(WORK).still().server().auto("~0 11 | x 4").still().dies();
    assert_eq!(history.back(), "0 11 @2 | x 4 @2 | work 1 2 @1 | play 3 @1");
}

#[test]
fn sessions_of_one_name_from_two_lives_are_both_kept_and_the_later_has_the_better_claim() {
    let history = History::new().auto("main 1").still().server().auto("main 2").still().dies();
    assert_eq!(history.back(), "main 2 @2 | main 1 @1");
}

#[test]
fn restored_and_then_closed_counts_as_closed() {
    let history =
        History::new().auto(WORK).still().server().auto(WORK).still().auto("work 1 2").still().dies();
    assert_eq!(history.back(), "work 1 2 @3");
}

#[test]
fn restored_and_then_renamed_is_the_same_session() {
    let history = History::new().auto(WORK).still().server().auto(WORK).auto("labor 1 2 5 | play 3").still();
    assert_eq!(history.dies().back(), "labor 1 2 5 @3 | play 3 @3");
}

#[test]
fn names_exchanged() {
    let history = History::new().auto("a 1 | b 2").auto("a 2 | b 1").auto("a 2").still().dies();
    assert_eq!(history.back(), "a 2 @3");
}

#[test]
fn a_window_restored_alone_leaves_the_rest_of_its_session_owed() {
    let history = History::new().auto("work 1 2 3").still().server().auto("x 2").still().dies();
    assert_eq!(history.back(), "x 2 @2 | work 1 3 @1");
    let closed = history.clone().server().auto("y 9").still().dies();
    assert_eq!(closed.back(), "y 9 @3 | x 2 @2 | work 1 3 @1");
}

#[test]
fn what_was_closed_after_a_restore_in_part_does_not_come_back() {
    let history =
        History::new().auto("work 1 2").still().server().auto("work 1 9").auto("work 9").still().dies();
    assert_eq!(history.back(), "work 9 @3 | work 2 @1");
}

#[test]
fn too_old_is_listed_but_never_the_latest() {
    let history = History::new().auto("old 1").still().days(20).server().auto("new 2").still().dies();
    assert_eq!(history.back(), "new 2 @2 | old 1 @1");
    let history = history.days(40);
    assert_eq!(history.back(), "new 2 @2");
    assert_eq!(history.choose().listed[0].why, WhyNot::TooOld);
}

#[test]
fn a_restore_interrupted_by_a_crash_is_completed() {
    let history = History::new()
        .auto("a 1 | b 2 3 | c 4")
        .still()
        .server()
        .restore(Outcome::Interrupted, "1/1 2 3 | 1/2 4", &[])
        .auto("a 1 | b 2")
        .still()
        .dies();
    assert_eq!(history.back(), "b 2 3 @1 | c 4 @1 | a 1 @2");
    // Once more, before anything was saved.
    let again = history.server().restore(Outcome::Interrupted, "2/0 1 | 1/1 2 3 | 1/2 4", &[]).dies();
    assert_eq!(again.back(), "a 1 @2 | b 2 3 @1 | c 4 @1");
}

#[test]
fn an_interrupted_restore_that_a_later_life_made_good_is_over() {
    let history = History::new().auto("a 1 | b 2").still().server();
    let history = history.restore(Outcome::Interrupted, "1/0 1 | 1/1 2", &[]);
    let history = history.server().auto("a 1 | b 2").auto("a 1").still().dies();
    assert_eq!(history.back(), "a 1 @3");
}

#[test]
fn an_interrupted_restore_of_a_closed_session_is_completed() {
    let history =
        History::new().manual("a 1 | b 2 3").manual("a 1").restore(Outcome::Interrupted, "1/1 2 3", &[]);
    let history = history.after(1).auto("a 1 | b 2").still().dies();
    assert_eq!(history.back(), "b 2 3 @1 | a 1 @3");
}

#[test]
fn an_interrupted_replace_replaces() {
    let history = History::new().manual("a 1 2 | b 3").manual("a 1 5 | b 3");
    let history = history.entry(Kind::BeforeReplace, Coverage::Whole, "a 1 5 | b 3");
    let history = history.restore(Outcome::Interrupted, "1/0 1 2", &[1, 5]).dies();
    assert_eq!(history.back(), "a 1 2 @1 | b 3 @3");
}

#[test]
fn what_was_replaced_stays_replaced() {
    let history = History::new().manual("a 1 2").auto("a 5 | b 3").still();
    let history = history.entry(Kind::BeforeReplace, Coverage::Whole, "a 5 | b 3");
    let history = history.entry(Kind::AfterRestore, Coverage::Whole, "a 1 2").dies();
    assert_eq!(history.back(), "a 1 2 @4");
    assert!(matches!(history.choose().left[0].why, WhyNot::Replaced { .. }));
}

#[test]
fn a_restore_taken_back_leaves_all_owed() {
    let history = History::new().auto(WORK).still().server().auto("x 9");
    let history = history.restore(Outcome::TakenBack, "1/0 1 2 | 1/1 3", &[]);
    let history = history.entry(Kind::AfterRestore, Coverage::Whole, "x 9 | work 1 2 | play 3");
    let history = history.auto("x 9").still().dies();
    assert_eq!(history.back(), "x 9 @4 | work 1 2 @1 | play 3 @1");
}

#[test]
fn partial_saves_and_sessions_left_out_close_nothing() {
    let history = History::new().manual(WORK).entry(Kind::Manual, Coverage::Part, "work 1 2").dies();
    assert_eq!(history.back(), "work 1 2 @2 | play 3 @1");
    let without = Coverage::Without(vec!["play".into()]);
    let history = History::new().manual(WORK).entry(Kind::Manual, without, "work 1 2").dies();
    assert_eq!(history.back(), "work 1 2 @2 | play 3 @1");
}

#[test]
fn what_was_settled_does_not_come_back_but_what_lives_on_does() {
    let mut history = History::new().auto(WORK).still();
    let settle = |n, until| Settled { pane: pane(n), until, why: WhySettled::Forgotten };
    history.timeline.settled = vec![settle(1, history.now()), settle(2, history.now())];
    assert_eq!(history.clone().dies().back(), "play 3 @1");
    assert_eq!(history.still().dies().back(), "work 1 2 @1 | play 3 @1");
}

#[test]
fn removing_the_proof_that_something_was_closed_brings_nothing_back() {
    let history = History::new().manual(WORK).manual("work 1").days(1).dies();
    let removed = [SnapshotId(2)].into();
    let settled = settle_removal(&history.timeline, &removed, None, history.now(), &Options::default());
    assert_eq!(settled.iter().map(|settled| number(settled.pane)).collect::<Vec<_>>(), [2, 3]);
    let mut rest = history;
    rest.timeline.entries.pop();
    rest.timeline.settled = settled;
    assert_eq!(rest.back(), "work 1 @1");
}

#[test]
fn what_is_there_is_there() {
    let history = History::new().auto(WORK).still();
    let set = history.choose_live(WORK);
    assert_eq!(back(&set), "");
    assert!(set.uses(SnapshotId(1)));
    let set = history.choose_live("work 1 2");
    assert_eq!(back(&set), "play 3 @1");
    let set = history.choose_live("work 1 | play 3");
    assert_eq!(back(&set), "work 1 2 @1");
    assert_eq!(set.chosen[0].presence, Presence::Part);
}

#[test]
fn restored_but_not_yet_saved_is_there() {
    let history = History::new().auto(WORK).still().server();
    assert_eq!(back(&history.choose_live("~0 9")), "work 1 2 @1 | play 3 @1");
    assert_eq!(back(&history.choose_live(WORK)), "");
}

#[test]
fn nothing_saved_nothing_chosen() {
    assert_eq!(History::new().choose(), RestoreSet::default());
}

#[test]
fn where_nobody_ever_used_anything_the_last_server_is_better_than_nothing() {
    let history = History::new().auto("~0 1").server().auto("~0 2 | ~1 3");
    assert_eq!(back(&history.choose_live("~0 2")), "1 3 @2");
    assert_eq!(history.clone().dies().back(), "0 2 @2 | 1 3 @2");
    assert_eq!(back(&history.server().choose_live("~0 4")), "");
}

#[test]
fn the_order_of_delivery_and_the_clock_do_not_matter() {
    let mut history =
        History::new().auto(WORK).still().server().after(-100_000).auto(WORK).auto("work 1 2").still();
    history = history.dies();
    assert_eq!(history.back(), "work 1 2 @3");
    history.timeline.entries.reverse();
    assert_eq!(history.back(), "work 1 2 @3");
}

#[test]
fn of_a_name_the_last_one_comes_first() {
    let history =
        History::new().manual("a 1 | b 2").manual("b 2").manual("b 2 | c 3 | a 4").manual("b 2").dies();
    let left: Vec<SnapshotId> = history.choose().left.iter().map(|left| left.snapshot).collect();
    assert_eq!(left, [SnapshotId(3), SnapshotId(3), SnapshotId(1)]);
}

#[test]
fn reasons_in_words() {
    let history = History::new()
        .auto("ancient 20")
        .still()
        .days(40)
        .server()
        .auto("owed 1 2 3 | closed 4 | later 5")
        .still()
        .auto("owed 1 2 3 | later 5")
        .still()
        .server()
        .auto("~0 30")
        .server()
        .auto("x 2 | later 5 | dropped 6 | falling 7 8")
        .still()
        .auto("x 2 | later 5 | falling 7 8")
        .still()
        .auto("x 2 | later 5 | falling 7")
        .dies();
    insta::assert_snapshot!(history.why(), @r"
    + x was there when last seen, at 2027-02-24 08:25:07
    + later was there when last seen, at 2027-02-24 08:25:07
    + falling comes back as it was at 2027-02-24 08:25:06; what it lost since may be the end of the server
    + owed was last seen at 2027-02-24 08:13:03; only 1 of its 3 panes came back since
    ? ancient was last seen at 2027-01-15 08:06:01, too long ago to come back unasked
    - dropped was closed between 2027-02-24 08:24:05 and 2027-02-24 08:24:06, and the server lived on
    - 0 was never used
    - later came back after 2027-02-24 08:13:03; its later state counts
    - closed was closed between 2027-02-24 08:12:02 and 2027-02-24 08:12:03, and the server lived on
    ");
}

#[test]
fn a_clock_that_was_set_back_proves_nothing() {
    // What was saved three hours later than now, as the clock said then, does not say that the server lived on.
    let history = History::new().auto(WORK).still().after(-3 * 3600).auto("work 1").dies();
    assert_eq!(history.back(), "work 1 2 @1 | play 3 @1");
    // What is seen after it does.
    let closed = History::new().auto(WORK).after(-3 * 3600).auto("work 1").still().dies();
    assert_eq!(closed.back(), "work 1 @2");
}

#[test]
fn a_clock_that_was_set_forward_loses_nothing() {
    let history = History::new().auto(WORK).after(3 * 3600).auto("work 1").auto("work 1").dies();
    assert_eq!(history.back(), "work 1 2 @1 | play 3 @1");
}
