//! What is stored and sent: every form comes back as it was, no form changes unnoticed, and what is
//! not one of them is refused.

mod damage;
mod forms;
#[cfg(feature = "wire")]
mod frames;
