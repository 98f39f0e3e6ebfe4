//! The person's repository: snapshots, atomic journalled writes, undo, confinement.
