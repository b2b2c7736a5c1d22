"""From a request to its one report: plan, scatter, gather, synthesise."""
