/**
 * How a trusted half shows its tables: which pages each entry covers, where it leads and what state
 * it is in, as words of its own with a kind that every reader understands. For pictures and
 * reports, between calls; never on a hot path. Nothing here changes anything.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.api.view;
