//! Carries out `docs/tour.md`: each block of commands in one shell, against its own demo. The
//! status lines, codes and states that the page shows must be in the output.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

const TOUR: &str = include_str!("../../../../docs/tour.md");
/// Printed before each block, to separate their outputs.
const MARK: &str = "@@block";

/// The demo of the first terminal. One block kills it, and it is started again as the page
/// describes.
const FIRST_TERMINAL: &str = r#"
set -u
start() {
  "$SUREHOLD" demo --data surehold-demo --listen "127.0.0.1:$API_PORT" --sandbox-listen "127.0.0.1:$SANDBOX_PORT" \
    > demo.log 2>&1 &
  for _ in $(seq 1200); do grep -q 'keeps serving' demo.log && return; sleep 0.1; done
  cat demo.log; exit 1
}
trap 'kill $(jq .pid surehold-demo/demo.json); wait' EXIT
start
"#;

struct Block {
    commands: String,
    /// Each must be in the output. If the block kills the program, one of them is enough.
    expected: Vec<String>,
    kills: bool,
}

fn blocks() -> Vec<Block> {
    let texts = TOUR.split("```sh\n").skip(1).map(|text| text.split("```").next().unwrap());
    texts.map(block).collect()
}

fn block(text: &str) -> Block {
    let mut block = Block { commands: String::new(), expected: Vec::new(), kills: false };
    for line in text.lines() {
        match line.strip_prefix("# ") {
            Some(answer) => block.expected.extend(fixed_parts(answer)),
            None if line.starts_with("surehold()") => {
                block.commands.push_str("surehold() { \"$SUREHOLD\" \"$@\"; }\n");
            }
            None => {
                block.commands.extend([line, "\n"]);
                if line.contains("kill -9") {
                    block.kills = true;
                    block.commands.push_str("start\n");
                }
            }
        }
    }
    block
}

/// The fixed parts of a line of output: its status line, or its code and state.
fn fixed_parts(answer: &str) -> Vec<String> {
    if answer.starts_with("HTTP/1.1 ") {
        return vec![answer.split("   ").next().unwrap().trim().to_owned()];
    }
    let pairs = answer.split(['{', ',', '}']).map(str::trim);
    let telling = |pair: &&str| pair.starts_with("\"code\":\"") || pair.starts_with("\"state\":\"");
    pairs.filter(telling).map(str::to_owned).collect()
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

fn run(directory: &Path, script: &str) -> String {
    let made = Command::new("bash")
        .args(["-c", script])
        .current_dir(directory)
        .env("SUREHOLD", env!("CARGO_BIN_EXE_surehold"))
        .env("API_PORT", free_port())
        .env("SANDBOX_PORT", free_port())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(made.status.success(), "{text}\n{}", String::from_utf8_lossy(&made.stderr));
    text
}

#[test]
fn the_tour_prints_what_it_shows() {
    let directory = tempfile::tempdir().unwrap();
    let blocks = blocks();
    let mut script = FIRST_TERMINAL.to_owned();
    for block in &blocks {
        script.extend(["echo '", MARK, "'\n", block.commands.as_str()]);
    }
    let text = run(directory.path(), &script);
    let answers: Vec<&str> = text.split(MARK).skip(1).collect();
    assert_eq!(answers.len(), blocks.len());
    for (block, answer) in blocks.iter().zip(&answers) {
        let missing: Vec<_> = block.expected.iter().filter(|part| !answer.contains(part.as_str())).collect();
        let holds = if block.kills { missing.len() < block.expected.len() } else { missing.is_empty() };
        assert!(holds, "{missing:?} is not in what came of\n{}\n{answer}", block.commands);
    }
    // The output was compared, and the last block's check found every promise kept.
    assert!(blocks.iter().map(|block| block.expected.len()).sum::<usize>() > 15);
    assert!(text.contains("charged_once          holds"), "{text}");
    assert!(!text.contains("BROKEN"), "{text}");
}
