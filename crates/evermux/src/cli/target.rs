//! `SESSION:WINDOW.PANE` on the command line.

use bstr::BString;
use evermux_core::restore::Place;

use crate::error::CliError;

/// `SESSION:WINDOW`, split at the last colon: from tmux 3.7 on names may hold colons and dots.
///
/// # Errors
/// Wrong use, if it is something else.
pub fn window(text: &str) -> Result<Place, CliError> {
    let wrong = || wrong(text, "SESSION:WINDOW", "work:3");
    let (session, window) = text.rsplit_once(':').ok_or_else(wrong)?;
    let window = window.parse().map_err(|_| wrong())?;
    Ok(Place { session: BString::from(session), window: Some(window), pane: None })
}

/// `SESSION:WINDOW.PANE`, panes counted from 0.
///
/// # Errors
/// Wrong use, if it is something else.
pub fn pane(text: &str) -> Result<Place, CliError> {
    let wrong = || wrong(text, "SESSION:WINDOW.PANE", "work:3.1");
    let (place, pane) = text.rsplit_once('.').ok_or_else(wrong)?;
    let place = window(place).map_err(|_| wrong())?;
    Ok(Place { pane: Some(pane.parse().map_err(|_| wrong())?), ..place })
}

fn wrong(text: &str, form: &str, example: &str) -> CliError {
    CliError::usage(format!("'{text}' is not {form}")).hint(format!(
        "The index of the window and the position of the pane as `evermux show` prints them: {example}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_colon_splits() {
        let place = pane("a:b.c:3.1").unwrap();
        assert_eq!(place, Place { session: "a:b.c".into(), window: Some(3), pane: Some(1) });
        assert_eq!(window(":0").unwrap().session, "");
        for text in ["", "work", "work:", "work:x", "work:-1", "work:3."] {
            assert!(window(text).is_err() && pane(text).is_err(), "{text}");
        }
        assert!(pane("work:3").is_err());
    }
}
