// Charts of the dashboard.
export {};
