//! Runs what the documentation says, so that it stays true: every `sh` block of a page, in order, in a folder like a
//! fresh checkout, against a server of its own; and holds the JSON of the protocol against real frames.

use std::{
    env, fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::LazyLock,
    thread::sleep,
    time::Duration,
};

use rejoin::client::{AccessClaims, Backend, Dial, Link, mint_access_token};
use serde_json::{Value, json};
use tempfile::TempDir;

const REJOIN: &str = env!("CARGO_BIN_EXE_rejoin");

/// Blocks that are shown and not run: page, first words, and why.
const NOT_RUN: [(&str, &str, &str); 2] = [
    ("README.md", "make run", "serves until somebody stops it; `make test` runs this very test"),
    ("CONTRIBUTING.md", "make test", "runs this very test"),
];

/// A Redis that all servers of these tests share. It ends with this process.
static REDIS: LazyLock<String> = LazyLock::new(|| {
    let folder = env::temp_dir().join(format!("rejoin-docs-{}", std::process::id()));
    let services = Command::new("scripts/services")
        .args(["up", "redis"])
        .envs([("SERVICES_FOLDER", folder.as_os_str()), ("SERVICES_FOR", std::process::id().to_string().as_ref())])
        .output()
        .unwrap();
    let urls = String::from_utf8(services.stdout).unwrap();
    urls.lines().find_map(|line| line.strip_prefix("SESSION_REDIS_URL=")).expect("Redis runs").to_owned()
});

/// The languages a block may have. Only `sh` is run, only `json` is parsed.
const LANGUAGES: [&str; 5] = ["sh", "json", "js", "sql", "text"];

struct Block {
    language: String,
    line: usize,
    text: String,
}

/// The fenced blocks of a page.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, text) in page.lines().enumerate() {
        match (text.trim_start().strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block { language: language.to_owned(), line: line + 1, text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text += &format!("{text}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// Every page, named from the project's folder.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from).into();
    let mut folders = vec![PathBuf::from("docs"), PathBuf::from("runbooks"), PathBuf::from("migrations")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.extension() {
                Some(extension) if extension == "md" => pages.push(path),
                Some(_) => {}
                None => folders.extend(path.is_dir().then_some(path)),
            }
        }
    }
    pages.sort();
    pages
}

/// A folder like a fresh checkout after `make run`, and the server that runs in it.
struct Checkout {
    folder: TempDir,
    server: Child,
    port: u16,
    admin_port: u16,
}

impl Checkout {
    fn serve() -> Self {
        let folder = TempDir::new().unwrap();
        let project = env::current_dir().unwrap();
        for name in ["config", "scripts", "docs", "runbooks"] {
            symlink(project.join(name), folder.path().join(name)).unwrap();
        }
        fs::create_dir_all(folder.path().join("target/release")).unwrap();
        symlink(REJOIN, folder.path().join("target/release/rejoin")).unwrap();
        let free = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [port, admin_port] = free.map(|listener| listener.local_addr().unwrap().port());
        let mut command = Command::new(REJOIN);
        command.arg("serve").env_clear().current_dir(folder.path()).stdout(Stdio::null());
        command.env("SESSION_REDIS_URL", &*REDIS).env("SESSION_REDIS_READTHROUGH_ENABLED", "true");
        let server = command.envs([("PORT", port.to_string()), ("ADMIN_PORT", admin_port.to_string())]).spawn();
        let checkout = Self { folder, server: server.unwrap(), port, admin_port };
        let is_up = |port| (0..100).any(|_| TcpStream::connect(("127.0.0.1", port)).is_ok() || sleep_a_little());
        assert!(is_up(port) && is_up(admin_port), "the server did not start");
        checkout
    }

    /// Runs a script as a reader would who pastes it, save that the ports are this server's.
    fn paste(&self, script: &str) -> Output {
        let script = script.replace("127.0.0.1:8080", &format!("127.0.0.1:{}", self.port));
        let script = script.replace("127.0.0.1:8081", &format!("127.0.0.1:{}", self.admin_port));
        let path = format!("{}/target/release:{}", self.folder.path().display(), env::var("PATH").unwrap());
        let mut bash = Command::new("timeout");
        bash.args(["120", "bash", "-euc", &script])
            .env_clear()
            .env("PATH", path)
            .env("HOME", env::var("HOME").unwrap())
            .env("SESSION_REDIS_URL", &*REDIS);
        bash.current_dir(self.folder.path()).output().unwrap()
    }

    fn secret(&self, name: &str) -> String {
        let secrets = fs::read_to_string(self.folder.path().join("data/secrets.env")).unwrap();
        secrets.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap().to_owned()
    }
}

#[expect(clippy::disallowed_methods, reason = "waits for another process")]
fn sleep_a_little() -> bool {
    sleep(Duration::from_millis(100));
    false
}

impl Drop for Checkout {
    fn drop(&mut self) {
        self.server.kill().and_then(|()| self.server.wait()).ok();
    }
}

fn is_shown_only(page: &Path, block: &Block) -> bool {
    NOT_RUN.iter().any(|(of, begins, _)| page == Path::new(of) && block.text.trim_start().starts_with(begins))
}

/// The `sh` blocks of a page as one script that says where it failed.
fn script(page: &Path) -> Option<String> {
    let blocks = blocks(&fs::read_to_string(page).unwrap());
    let runnable = blocks.iter().filter(|block| block.language == "sh" && !is_shown_only(page, block));
    let steps: String = runnable.map(|block| format!("line={}\n{}", block.line, block.text)).collect();
    let say = format!("trap 'test $? = 0 || echo \"{}: the block at line $line failed\" >&2' EXIT\n", page.display());
    (!steps.is_empty()).then(|| say + &steps)
}

#[test]
fn every_command_of_the_documentation_works() {
    let failed: Vec<String> = pages()
        .iter()
        .filter_map(|page| script(page))
        .map(|script| Checkout::serve().paste(&script))
        .filter(|output| !output.status.success())
        .map(|output| String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
        .collect();

    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_command_that_fails_is_found() {
    let checkout = Checkout::serve();

    assert!(checkout.paste("curl -fsS http://127.0.0.1:8080/healthz").status.success());
    assert!(!checkout.paste("curl -fsS http://127.0.0.1:8080/nothing\ntrue").status.success());
}

#[test]
fn every_block_has_a_language_and_every_exception_a_block() {
    let pages: Vec<_> = pages().into_iter().map(|page| (blocks(&fs::read_to_string(&page).unwrap()), page)).collect();

    for (blocks, page) in &pages {
        for Block { language, line, text } in blocks {
            assert!(LANGUAGES.contains(&language.as_str()), "{}:{line}: `{language}`", page.display());
            assert!(language != "json" || !values(text).is_empty(), "{}:{line}", page.display());
        }
    }
    for (of, begins, _) in NOT_RUN {
        let found = pages.iter().any(|(blocks, page)| {
            page == Path::new(of) && blocks.iter().any(|block| block.text.trim_start().starts_with(begins))
        });
        assert!(found, "{of} has no block that begins with `{begins}`");
    }
}

/// The JSON values of a block, one after the other.
fn values(text: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(text).into_iter().map(|value| value.expect("JSON")).collect()
}

/// A value with its texts, numbers and flags replaced by what they are.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(items) => items.first().map(shape).into_iter().collect(),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("flag"),
        Value::Null => Value::Null,
    }
}

#[tokio::test]
async fn the_frames_of_the_protocol_page_are_what_a_server_sends() {
    let checkout = Checkout::serve();
    let (url, secret) = (format!("http://127.0.0.1:{}", checkout.port), checkout.secret("ACCESS_TOKEN_SECRET"));
    let page = fs::read_to_string("docs/protocol.md").unwrap();
    let examples = blocks(&page).into_iter().filter(|block| block.language == "json");
    let (shown, to_send): (Vec<Value>, Vec<Value>) =
        examples.flat_map(|block| values(&block.text)).partition(|value| value.get("timestamp").is_some());
    let enter = async |dial: Dial| Link::connect(&dial).await.unwrap();
    let access = |user: &str| {
        let lifetime = Duration::from_secs(60);
        let claims = AccessClaims { user_id: user.to_owned(), games: None, role: None, lifetime };
        Dial::new(&url, "chess-1").with_access_token(mint_access_token(&claims, &secret).unwrap())
    };

    // Bob takes a seat and is lost; Ann sends what the page says; Bob comes back.
    let mut ann = enter(access("ann")).await;
    let mut bob = enter(access("bob")).await;
    let welcome = next(&mut bob).await;
    drop(bob);
    let mut frames = Vec::new();
    for message in &to_send {
        ann.send_text(message.to_string()).await.unwrap();
        loop {
            frames.push(next(&mut ann).await);
            // Everything else answers the message.
            if !frames.last().is_some_and(|frame| frame["type"] == "GAME_RESUME" || frame["type"] == "GAME_PRESENCE") {
                break;
            }
        }
    }
    let token = welcome["payload"]["token"].as_str().unwrap();
    let mut bob = enter(Dial::new(&url, "chess-1").with_resume_token(token)).await;
    frames.extend([next(&mut bob).await, next(&mut bob).await]);

    // In a game with clocks, Bob does not move in time.
    let backend = Backend::new(&url, &checkout.secret("API_TOKEN"));
    let control = json!({"preset": "CUSTOM", "totalTimeMs": 50});
    let players = ["ann", "bob"].map(str::to_owned);
    backend.make_game("chess-2", &players, Some(&control)).await.unwrap();
    let dial = access("ann");
    let mut ann = enter(Dial { game_id: "chess-2".to_owned(), ..dial }).await;
    ann.send_text(json!({"type": "move", "payload": {}}).to_string()).await.unwrap();
    while !frames.iter().any(|frame| frame["type"] == "GAME_FLAG_FALL") {
        frames.push(next(&mut ann).await);
    }

    assert!(to_send.len() >= 5 && shown.len() >= 9, "the page has lost its examples");
    for example in shown {
        let real: Vec<Value> = frames.iter().filter(|frame| frame["type"] == example["type"]).map(shape).collect();
        assert!(real.contains(&shape(&example)), "{example:#}\nis not like any of\n{real:#?}");
    }
}

async fn next(link: &mut Link) -> Value {
    serde_json::from_str(&link.next_text(SOON).await.unwrap()).unwrap()
}

/// How long a frame may take.
const SOON: Duration = Duration::from_secs(5);
