//! A server on this machine that answers as a test tells it to, for instance as a language model, and remembers what it was
//! asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use serde_json::{Value, json};

/// What somebody asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// How the server behaves.
pub enum Reply {
    /// With a status, a content type, more headers and a body.
    Answer { status: u16, content_type: &'static str, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// The same, but the connection ends after so many bytes of the body.
    Cut { after: usize, body: Vec<u8> },
    /// Only so many bytes of the body; then nothing more comes until whoever asked is gone.
    Stall { status: u16, headers: Vec<(&'static str, String)>, after: usize, body: Vec<u8> },
    /// In pieces of this many bytes, without a length.
    Chunked { size: usize, content_type: &'static str, body: Vec<u8> },
    /// No answer at all: the connection ends.
    HangUp,
}

impl Reply {
    pub fn json(body: &Value) -> Self {
        Self::status(200, body)
    }

    pub fn status(status: u16, body: &Value) -> Self {
        let body = body.to_string().into_bytes();
        Self::Answer { status, content_type: "application/json", headers: Vec::new(), body }
    }
}

/// Holds answers back until it is opened.
#[derive(Default)]
pub struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    pub fn wait(&self) {
        let mut open = self.0.lock().unwrap();
        while !*open {
            open = self.1.wait(open).unwrap();
        }
    }
}

/// The server; it ends with the test.
pub struct Loopback {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Loopback {
    /// Starts a server; `reply` is told of each request and how many there were before, on a thread for each connection.
    pub fn start(reply: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (reply, record) = (Arc::new(reply), asked.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (reply, record) = (reply.clone(), record.clone());
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    while let Some(asked) = read_request(&mut reader) {
                        let before = {
                            let mut record = record.lock().unwrap();
                            record.push(asked.clone());
                            record.len() - 1
                        };
                        if !send(&stream, &asked, reply(before, &asked)) {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, asked }
    }

    /// Everything that was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, path, headers, body: String::from_utf8(body).unwrap() })
}

/// Whether the connection is still of use.
fn send(mut stream: &TcpStream, asked: &Asked, reply: Reply) -> bool {
    let head = |status: u16, content_type: &str, more: &[(&str, String)]| {
        let mut head = format!("HTTP/1.1 {status} .\r\nContent-Type: {content_type}\r\n");
        for (name, value) in more {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    };
    let length = |body: &[u8]| ("Content-Length", body.len().to_string());
    let sent = match reply {
        Reply::Answer { status, content_type, mut headers, body } => {
            headers.push(length(&body));
            let head = head(status, content_type, &headers);
            // A head is asked for to know what a body would be.
            let body = if asked.method == "HEAD" { Vec::new() } else { body };
            stream.write_all(&head).and_then(|()| stream.write_all(&body)).is_ok()
        }
        Reply::Cut { after, body } => {
            let head = head(200, "application/json", &[length(&body)]);
            let _sent = stream.write_all(&head).and_then(|()| stream.write_all(&body[..after]));
            false
        }
        Reply::Stall { status, mut headers, after, body } => {
            headers.push(length(&body));
            let head = head(status, "application/octet-stream", &headers);
            let sent = stream.write_all(&head).and_then(|()| stream.write_all(&body[..after]));
            let _gone = sent.and_then(|()| stream.read(&mut [0]));
            false
        }
        Reply::Chunked { size, content_type, body } => {
            let mut all = head(200, content_type, &[("Transfer-Encoding", "chunked".to_owned())]);
            for piece in body.chunks(size) {
                all.extend(format!("{:x}\r\n", piece.len()).into_bytes());
                all.extend(piece);
                all.extend(b"\r\n");
            }
            all.extend(b"0\r\n\r\n");
            stream.write_all(&all).is_ok()
        }
        Reply::HangUp => false,
    };
    if !sent {
        let _gone = stream.shutdown(std::net::Shutdown::Both);
    }
    sent
}

/// What a language model would say: a sentence about the class for each wanted sample, other ones in each request.
pub fn sentences(number: usize, asked: &Asked) -> Value {
    let body = asked.json();
    let prompt = body["messages"][0]["content"].as_str().or(body["prompt"].as_str()).unwrap();
    let prompt = prompt.trim_end_matches([':', '?']).trim_end_matches(" looks like");
    let class = prompt.rsplit([' ', '\n']).next().unwrap();
    let words = ["small", "large", "long", "round", "flat", "green", "brown", "white", "dark", "bright"];
    let choice = |index: usize| {
        let at = 10 * number + index;
        let text = format!(
            "\nA {class} is {} and {} with {} legs",
            words[at % 10],
            words[at / 10 % 10],
            words[at / 100 % 10]
        );
        json!({"index": index, "message": {"content": text}, "text": text, "finish_reason": "stop"})
    };
    let n = body["n"].as_u64().unwrap_or(1) as usize;
    json!({"choices": (0..n).map(choice).collect::<Vec<_>>(), "usage": {"completion_tokens": 11 * n}})
}
