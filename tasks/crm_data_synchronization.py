"""Customer records: checked, deduplicated, written to the CRM and read back."""

from agents.crm_sync_specialist import crm_sync_specialist
from newfuse import AlertRule, Brief, FactAge, Procedure, Severity, Task, call, runbook


@runbook
def procedure(_brief: Brief) -> Procedure:
    """Validate, deduplicate, write in batches, then read back what was written and review the CRM as a whole."""
    valid = yield call("validate_contacts", dataset="customers")
    unique = yield call("deduplicate_contacts", dataset=valid["handle"])
    yield call("sync_contacts", dataset=unique["handle"])
    yield [call("read_back_contacts", dataset=unique["handle"]), call("review_crm")]
    return None


synchronization_delay = AlertRule(
    name="Data synchronization delay",
    severity=Severity.CRITICAL,
    watches=FactAge("crm.last_sync_at", window="last synchronization to the end of the run"),
    threshold=3600.0,
    unit="s",
)

crm_data_synchronization = Task(
    name="crm_data_synchronization",
    title="🔄 CRM Synchronization",
    description=(
        "Synchronize customer data with CRM system. Update existing contacts, create new contacts for leads, and "
        "ensure data consistency. Handle deduplication and data validation. Create comprehensive sync report with "
        "success/failure statistics."
    ),
    expected_output=(
        "CRM synchronization report with updated contact counts, new contact creation results, and data quality metrics"
    ),
    agent=crm_sync_specialist,
    datasets=("customers",),
    integrations=("hubspot",),
    required_facts=("crm.contacts_created", "crm.contacts_matched", "crm.review_contacts"),
    runbook=procedure,
)
