// Types of the front end, for the checker and for who reads; nothing of it runs.
export {};
