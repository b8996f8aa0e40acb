//! What lies between a shipper and tripline: it can lose answers, so that what was sent is taken and its
//! sender does not know.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// It ends with the test's process.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    holds: Arc<AtomicBool>,
}

// === impl Proxy ===

impl Proxy {
    /// Listens on a free port for what is behind another one.
    pub(crate) fn start(behind: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            holds: Arc::default(),
        };
        let holds = Arc::clone(&proxy.holds);
        thread::spawn(move || {
            for front in listener.incoming().flatten() {
                // Refused behind is closed in front.
                if let Ok(back) = TcpStream::connect(("127.0.0.1", behind)) {
                    pass(front, back, &holds);
                }
            }
        });
        proxy
    }

    /// Whether answers are kept back from now on. Those that were kept back until now are lost.
    pub(crate) fn hold(&self, holds: bool) {
        self.holds.store(holds, Ordering::Relaxed);
    }
}

/// Passes bytes both ways until either side ends.
fn pass(front: TcpStream, back: TcpStream, holds: &Arc<AtomicBool>) {
    let (answers_from, answers_to) = (back.try_clone().unwrap(), front.try_clone().unwrap());
    thread::spawn(move || copy(front, back, &AtomicBool::new(false)));
    let holds = Arc::clone(holds);
    thread::spawn(move || copy(answers_from, answers_to, &holds));
}

fn copy(mut from: TcpStream, mut to: TcpStream, holds: &AtomicBool) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        let is_lost = holds.load(Ordering::Relaxed);
        while holds.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(10));
        }
        if is_lost || to.write_all(bytes.get(..read).unwrap_or_default()).is_err() {
            break;
        }
    }
    // Who is gone already needs no word.
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}
