package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// step is one step as the shell scripts of this suite have them: it passes unless its block returns an error.
// A failed step does not end the program.
func step(title string, block func() error) {
	begun := time.Now()
	problem := run(block)
	word, result := "ok  ", "pass\n"
	if problem != nil {
		word, result = "FAIL", "fail\n"
	}
	fmt.Printf("%s  %6d ms  %s\n", word, time.Since(begun).Milliseconds(), title)
	if problem != nil {
		for _, line := range strings.Split(problem.Error(), "\n") {
			fmt.Printf("        | %.400s\n", line)
		}
	}
	results, err := os.OpenFile(os.Getenv("RESULTS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	defer results.Close()
	if _, err := results.WriteString(result); err != nil {
		panic(err)
	}
}

// run makes a panic of the SDK, or of a member that is not there, an error like any other.
func run(block func() error) (problem error) {
	defer func() {
		if caught := recover(); caught != nil {
			problem = fmt.Errorf("panic: %v", caught)
		}
	}()
	return block()
}

// same says what was found and what was expected.
func same(found, expected any) error {
	if reflect.DeepEqual(found, expected) {
		return nil
	}
	return fmt.Errorf("found %v, expected %v", found, expected)
}

// refused is nil if the answer had this status and the SDK found this code in it.
func refused(problem error, status int, code string) error {
	var answer *azcore.ResponseError
	if !errors.As(problem, &answer) {
		return fmt.Errorf("expected %d %s, found %v", status, code, problem)
	}
	if answer.StatusCode != status || answer.ErrorCode != code {
		return fmt.Errorf("expected %d %s, found %w", status, code, problem)
	}
	return nil
}

// names goes through all pages of a list, and sorts what `of` finds in them.
func names[Page any](pager *runtime.Pager[Page], of func(Page) []string) ([]string, error) {
	found := []string{}
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, of(page)...)
	}
	slices.Sort(found)
	return found, nil
}

// each maps the items of one page to their names.
func each[Item any](items []*Item, name func(*Item) *string) []string {
	found := []string{}
	for _, item := range items {
		found = append(found, *name(item))
	}
	return found
}

// done waits for a long-running operation, with the SDK's own pace.
func done[Answer any](poller *runtime.Poller[Answer], err error) (Answer, error) {
	if err != nil {
		var nothing Answer
		return nothing, err
	}
	return poller.PollUntilDone(ctx, nil)
}
