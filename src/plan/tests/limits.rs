//! Plans of many services.

use super::*;

#[test]
fn a_plan_of_a_thousand_services_is_made_in_a_constant_number_of_passes() {
    let mut case = case();
    for index in 0..1_000 {
        let name = format!("s{index:04}");
        case = case.with(&name, |service| {
            if index > 0 {
                after(service, &format!("s{:04}", index - 1), Condition::Started);
            }
        });
    }
    let plan = case.try_deploy(Policy::default()).unwrap();
    assert_eq!(plan.operations.len(), 3_001);
}
