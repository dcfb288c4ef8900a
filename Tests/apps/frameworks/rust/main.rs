//! A server of Rust's standard library: it listens on $PORT, with a thread for each connection.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::{env, fs, thread};

fn main() {
    let version = fs::read_to_string("version.txt").expect("version.txt");
    let port: u16 = env::var("PORT").expect("PORT").parse().expect("a number as PORT");
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    for stream in listener.incoming().flatten() {
        let version = version.clone();
        thread::spawn(move || serve(stream, &version));
    }
}

/// One request after another, until the other side closes.
fn serve(mut stream: TcpStream, version: &str) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    loop {
        let request = lines.next()?.ok()?;
        while !lines.next()?.ok()?.is_empty() {}
        let (status, body) = match request.split(' ').nth(1)? {
            "/version" => ("200 OK", version),
            "/up" => ("200 OK", "up\n"),
            _ => ("404 Not Found", "nothing here\n"),
        };
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        // At once: the second of two small writes would wait until the first is acknowledged.
        stream.write_all((head + body).as_bytes()).ok()?;
    }
}
