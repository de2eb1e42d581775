// The office pages need no script of their own yet.
export {};
