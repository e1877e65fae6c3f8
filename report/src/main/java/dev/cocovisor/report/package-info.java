/**
 * Runs as pictures and files. Everything here knows what a run says of itself, its events and the
 * strips of its tables, never the model that ran; whoever has a run of something else can show it
 * too.
 */
@NullMarked
package dev.cocovisor.report;

import org.jspecify.annotations.NullMarked;
