//! The C ABI that Fluent Bit calls: raw pointers in, one raw pointer out. All unsafe lines of the
//! module are here.
//!
//! ```text
//! tripline_filter(tag: *const u8, tag_len: u32, sec: u32, nsec: u32, rec: *const u8, rec_len: u32) -> *const u8
//! malloc(size: u32) -> *mut u8        free(block: *mut u8)
//! ```
//!
//! Fluent Bit copies tag and record into blocks of `malloc`, each with a NUL behind it that the lengths
//! leave out, calls the filter, copies the answer up to its first NUL, and frees the two blocks. Without
//! these two exports it would use a heap of 8 KiB, and a longer record would be lost.

#![expect(
    unsafe_code,
    reason = "the C ABI of Fluent Bit's wasm filter passes raw pointers"
)]

use std::alloc::{Layout, alloc, dealloc};
use std::cell::RefCell;
use std::sync::atomic::AtomicU8;

use crate::filter::{Answer, Filter};
use crate::rules::{self, Area, RULES_BYTES};

/// Where the rules stand; see [`rules`].
#[unsafe(no_mangle)]
pub(crate) static TRIPLINE_RULES: Area = [const { AtomicU8::new(0) }; RULES_BYTES];

/// The answer when there was no memory for the record: it cannot be given back, but somebody will see
/// that it is missing.
const LOST: &[u8] =
    b"{\"tripline\":{\"lost\":\"the record did not fit into the memory of the filter\"}}\0";

/// In front of every block: its size, in a whole unit of alignment.
const HEADER: usize = 16;

/// The bytes of a page of memory.
const PAGE_BYTES: usize = 64 << 10;

thread_local! {
    static FILTER: RefCell<Filter> = RefCell::new(Filter::new(rules::read(&TRIPLINE_RULES).as_deref()));
}

/// Judges one record. Answers the record itself, or a longer one in a buffer that is good until the
/// next call. Times are of the event: seconds and nanoseconds since the epoch.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tripline_filter(
    tag: *const u8,
    tag_len: usize,
    sec: u32,
    nsec: u32,
    record: *const u8,
    record_len: usize,
) -> *const u8 {
    let Some(text) = slice(record, record_len) else {
        return LOST.as_ptr();
    };
    let tag = slice(tag, tag_len).unwrap_or_default();
    let arrived = i64::from(sec) * 1_000_000 + i64::from(nsec / 1_000);
    FILTER.with(|filter| {
        let Ok(mut filter) = filter.try_borrow_mut() else {
            return record;
        };
        match filter.judge(tag, arrived, text) {
            Answer::Changed(answer) => answer.as_ptr(),
            Answer::Unchanged if slice(record, record_len + 1).is_some_and(ends) => record,
            Answer::Unchanged => filter.copy(text).as_ptr(),
        }
    })
}

/// Gives a block of `size` bytes, or null when there is no memory.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn malloc(size: usize) -> *mut u8 {
    let Some(layout) = layout(size) else {
        return std::ptr::null_mut();
    };
    // SAFETY: the layout is not empty: it has a header.
    let block = unsafe { alloc(layout) };
    if block.is_null() {
        return block;
    }
    // SAFETY: the header lies within the block, which is aligned for it.
    unsafe {
        block.cast::<usize>().write(size);
        block.add(HEADER)
    }
}

/// Takes back a block of [`malloc`]; null is fine.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn free(block: *mut u8) {
    if block.is_null() {
        return;
    }
    // SAFETY: the caller gives back what `malloc` gave: a header with the size lies in front of it.
    unsafe {
        let block = block.sub(HEADER);
        if let Some(layout) = layout(block.cast::<usize>().read()) {
            dealloc(block, layout);
        }
    }
}

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.checked_add(HEADER)?, HEADER).ok()
}

/// The bytes at a place of the memory; `None` when that is null or not all of it is in the memory.
fn slice<'a>(start: *const u8, len: usize) -> Option<&'a [u8]> {
    let end = start.addr().checked_add(len)?;
    let memory = core::arch::wasm32::memory_size(0).saturating_mul(PAGE_BYTES);
    if start.is_null() || end > memory {
        return None;
    }
    // SAFETY: the place is in the memory, whose every byte is readable, and nobody writes to the host's
    // copies of tag and record during the call.
    Some(unsafe { std::slice::from_raw_parts(start, len) })
}

/// Whether a text has its NUL, and no other before it, which would end it early.
fn ends(text: &[u8]) -> bool {
    text.last() == Some(&0)
}
