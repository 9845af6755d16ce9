//! What a Redis holds, as bytes, for tests that spoil it: just enough of its protocol.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use crate::support::SOON;

/// Every key of the service, and what it holds.
pub type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// A connection to a Redis.
pub struct Cache(BufReader<TcpStream>);

enum Reply {
    Bytes(Vec<u8>),
    List(Vec<Reply>),
    Nothing,
}

impl Cache {
    /// Connects to what a `redis://<user>:<password>@<host>:<port>` names.
    pub fn at(url: &str) -> Self {
        let (login, address) = url.strip_prefix("redis://").unwrap().split_once('@').unwrap();
        let (user, password) = login.split_once(':').unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut cache = Self(BufReader::new(stream));
        cache.call(&[b"AUTH", user.as_bytes(), password.as_bytes()]);
        cache
    }

    /// What it holds of the service. Empty: the service has not used it.
    pub fn contents(&mut self) -> Contents {
        let Reply::List(keys) = self.call(&[b"KEYS", b"gsr:*"]) else { panic!("no list of keys") };
        let mut contents = Contents::new();
        for key in keys {
            let Reply::Bytes(key) = key else { panic!("no key") };
            // It may have expired meanwhile.
            if let Reply::Bytes(value) = self.call(&[b"DUMP", &key]) {
                contents.insert(key, value);
            }
        }
        contents
    }

    /// Makes it hold this, and nothing else.
    pub fn replace(&mut self, contents: &Contents) {
        self.call(&[b"FLUSHALL"]);
        for (key, value) in contents {
            self.call(&[b"RESTORE", key, b"0", value]);
        }
    }

    fn call(&mut self, words: &[&[u8]]) -> Reply {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend(format!("${}\r\n", word.len()).bytes());
            request.extend(*word);
            request.extend(b"\r\n");
        }
        self.0.get_mut().write_all(&request).unwrap();
        self.reply()
    }

    fn reply(&mut self) -> Reply {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let (kind, rest) = line.trim_end().split_at(1);
        match (kind, rest.parse::<usize>()) {
            ("$", Ok(length)) => {
                let mut bytes = vec![0; length + 2];
                self.0.read_exact(&mut bytes).unwrap();
                bytes.truncate(length);
                Reply::Bytes(bytes)
            }
            ("$", Err(_)) => Reply::Nothing,
            ("*", Ok(length)) => Reply::List((0..length).map(|_| self.reply()).collect()),
            ("+" | ":", _) => Reply::Bytes(rest.into()),
            _ => panic!("Redis says {line}"),
        }
    }
}
