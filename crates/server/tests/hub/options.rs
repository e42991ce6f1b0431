//! Options that do not fit together.

use tracing::Level;

use outlive_server::hub::{Failure, Hub, HubOptions, Turn};

use crate::logs::Told;

async fn answer(_: Turn) -> Result<(), Failure> {
    Ok(())
}

#[tokio::test]
async fn a_hub_whose_largest_entry_no_slow_line_carries_to_a_page_says_so() {
    let (lines, _keeping) = Told::from(Level::WARN);
    let warned = async |options| {
        Hub::builder().options(options).build(answer).await.unwrap();
        std::mem::take(&mut *lines.lock().unwrap())
    };
    assert_eq!(warned(HubOptions::default()).await, [""; 0]);
    let large = HubOptions::default().body_bytes(8 << 20);
    let warning = warned(large.clone()).await.concat();
    assert!(warning.contains("a line of 13981 bytes a second"), "{warning}");
    // Who pings less often waits longer.
    let patient = large.ping_interval(std::time::Duration::from_secs(600));
    assert_eq!(warned(patient).await, [""; 0]);
}
