//! Recipes cook on every tmux, and say the same twice.

use evermux_testkit::{Recipe, describe, differences, tmux_binaries};

#[test]
fn recipes_cook_and_the_descriptions_hold_still() {
    for (tmux, seed) in tmux_binaries().into_iter().zip(1..) {
        let cooked = Recipe::from_seed(seed, 60).cook(&tmux);
        let done = cooked.commands.iter().filter(|(_, ok)| *ok).count();
        assert!(
            done * 3 > cooked.commands.len() * 2,
            "tmux {}: too many commands fail:\n{cooked}",
            tmux.version
        );
        let description = describe(&cooked.server);
        println!("tmux {}: {done} of {}\n{description}\n{cooked}", tmux.version, cooked.commands.len());
        assert_eq!(
            differences(&description, &describe(&cooked.server)),
            "",
            "tmux {}:\n{cooked}",
            tmux.version
        );
    }
}
