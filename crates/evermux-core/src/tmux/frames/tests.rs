use proptest::prelude::*;

use super::*;

const PLAIN: CaptureStyle = CaptureStyle { escapes: true, joined: true, trailing: false };

fn nonce() -> Nonce {
    Nonce::from_random([0x3f; 16])
}

fn request(pane: u32, parts: usize) -> CaptureRequest {
    let part = (Part::Rows(Row::At(-20), Row::At(-1)), PLAIN);
    CaptureRequest { pane: PaneId(pane), parts: vec![part; parts], rows: 700 }
}

fn script(requests: &[CaptureRequest]) -> CaptureScript {
    CaptureScript::new(nonce(), TmuxVersion::new(3, 8), requests)
}

/// What tmux would answer: for a pane that is gone a head without id, before 3.2 none, and the marks between parts.
fn reply(old: bool, answers: &[(usize, Option<Vec<u8>>)]) -> Vec<u8> {
    let n = nonce();
    let mut reply = Vec::new();
    for (index, (parts, text)) in answers.iter().enumerate() {
        let head = match text {
            None if old => String::new(),
            None => format!("{n}H{index}\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t123\n"),
            Some(_) => {
                format!("{n}H{index}\t%{index}\t80\t24\t1\t2\t3\t2000\t4\t1\t7\t8\t5\t6\t9\t123\n")
            }
        };
        reply.extend(head.bytes());
        for part in 0..*parts {
            if part > 0 {
                reply.extend(format!("{n}T{index}\n").bytes());
            }
            reply.extend(text.iter().flatten());
        }
    }
    reply.extend(format!("{n}Z\n").bytes());
    reply
}

fn read(script: &CaptureScript, chunks: &[&[u8]]) -> (Vec<(usize, Frame)>, Result<(), FrameError>) {
    let mut frames = Vec::new();
    let mut reader = script.reader();
    let mut emit = |index, frame| frames.push((index, frame));
    let mut result = Ok(());
    for chunk in chunks {
        result = result.and_then(|()| reader.push(chunk, &mut emit));
    }
    let result = result.and_then(|()| reader.finish(&mut emit));
    (frames, result)
}

#[test]
fn the_script_yields_between_portions_and_never_inside_a_request() {
    let requests = [request(1, 1), request(2, 2), request(3, 0), request(4, 1)];
    let script = String::from_utf8(script(&requests).script).unwrap();
    let lines: Vec<&str> = script.lines().map(|line| line.split('\t').next().unwrap()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    if-shell -F 1 {
    display-message -p -t '%1' '3f3f3f3f3f3f3f3fH0
    capture-pane -p -e -J -S -20 -E -1 -t '%1'
    display-message -p -t '%2' '3f3f3f3f3f3f3f3fH1
    capture-pane -p -e -J -S -20 -E -1 -t '%2'
    display-message -p '3f3f3f3f3f3f3f3fT1'
    capture-pane -p -e -J -S -20 -E -1 -t '%2'
    display-message -p -t '%3' '3f3f3f3f3f3f3f3fH2
    run-shell -d 0
    display-message -p -t '%4' '3f3f3f3f3f3f3f3fH3
    capture-pane -p -e -J -S -20 -E -1 -t '%4'
    display-message -p '3f3f3f3f3f3f3f3fZ'
    }
    "#);
}

#[test]
fn heads_are_read() {
    let requests = [request(0, 1)];
    let (frames, result) = read(&script(&requests), &[&reply(false, &[(1, Some(b"text\n".to_vec()))])]);
    assert_eq!(result, Ok(()));
    let exact = Some(ExactHistory { collected: 5, generation: 6, output: 9 });
    let head = FrameHead {
        pane: PaneId(0),
        size: Size { width: 80, height: 24 },
        cursor: (1, 2),
        history: History { size: 3, limit: 2000, bytes: 4, exact },
        alternate: Some((7, 8)),
    };
    assert_eq!(frames, [(0, Frame::Text { head, parts: vec!["text\n".into()] })]);
}

proptest! {
    /// Whatever the text is and however the reply is cut into pieces, the frames are those that were sent.
    #[test]
    fn frames_are_exact(
        old: bool,
        answers in prop::collection::vec(
            (0usize..3, any::<bool>(), prop_oneof![
                prop::collection::vec(any::<u8>(), 0..50),
                Just(b"H0\t%0\nZ\nT\n3f3f3f3f3f3f3f3\n".to_vec()),
            ]), 0..8),
        size in 1usize..60,
    ) {
        let requests: Vec<_> = (0..).zip(&answers).map(|(pane, (parts, ..))| request(pane, *parts)).collect();
        let sent: Vec<_> = answers.iter().map(|(parts, gone, text)| {
            let mut text = text.clone();
            text.push(b'\n');
            (*parts, (!gone).then_some(text))
        }).collect();
        let reply = reply(old, &sent);
        let (frames, result) = read(&script(&requests), &reply.chunks(size).collect::<Vec<_>>());
        prop_assert_eq!(result, Ok(()));
        let got: Vec<_> = frames.into_iter().map(|(index, frame)| (index, match frame {
            Frame::Text { parts, .. } => Some(parts.into_iter().map(Vec::from).collect()),
            Frame::Gone => None,
        })).collect();
        let expected = sent.into_iter().map(|(parts, text)| text.map(|text| vec![text; parts]));
        prop_assert_eq!(got, expected.enumerate().collect::<Vec<_>>());
    }

    /// A reply that stops early is told, and never gives a frame that is not whole.
    #[test]
    fn a_cut_reply_is_truncated(at in any::<prop::sample::Index>()) {
        let sent = [(2, Some(b"one\n".to_vec())), (1, None), (1, Some(b"three\n".to_vec()))];
        let requests = [request(0, 2), request(1, 1), request(2, 1)];
        let whole = reply(false, &sent);
        let cut = at.index(whole.len());
        let (all, _) = read(&script(&requests), &[&whole]);
        let (frames, result) = read(&script(&requests), &[&whole[..cut]]);
        prop_assert!(all.starts_with(&frames));
        prop_assert!(result.is_err());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(pieces in prop::collection::vec(prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        Just(nonce().as_bytes().to_vec()),
        "[HTZ][0-9]{0,3}[\t%0-9]{0,30}\n".prop_map(String::into_bytes),
    ], 0..30)) {
        let requests = [request(0, 2), request(1, 1), request(2, 0)];
        let _ = read(&script(&requests), &[&pieces.concat()]);
    }
}
