/**
 * One file that shows runs in a browser: the page, its style, its script and the document in one,
 * with nothing fetched from anywhere.
 */
@NullMarked
package dev.cocovisor.report.html;

import org.jspecify.annotations.NullMarked;
