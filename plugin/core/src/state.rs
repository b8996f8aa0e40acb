//! What is remembered: groups of matches, each with its own clock, all of it bounded.

mod group;
mod groups;
mod lane;
mod window;

pub(crate) use group::Group;
pub(crate) use groups::Groups;
pub(crate) use lane::{Lane, LastRequest};
pub(crate) use window::Seen;
