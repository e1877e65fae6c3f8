/**
 * Call logs and scenarios: the text that records, scripts and checks what a program asks of KVM.
 * The rooms from the ground up are text, call, scenario, replay, generate and compare; each knows
 * those before it and none behind it.
 */
@NullMarked
package dev.cocovisor.script;

import org.jspecify.annotations.NullMarked;
