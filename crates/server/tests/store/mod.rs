//! Stores: what each must keep, what goes wrong with files, and that the kit notices.

mod broken;
mod faulty;
mod flaws;
mod memory;
mod nodes;
mod sqlite;
